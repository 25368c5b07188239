/** Console: the process as operators run it beside a fleet, with its accounts, and visitors that ask as browsers do. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cleanup } from './services.ts';

const CHECKOUT = resolve(import.meta.dirname, '../..');

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Runs `holdfast account` on an accounts file. @param input what it reads, such as a password. @returns what it prints. */
export async function account(file: string, words: readonly string[], input = ''): Promise<string> {
  const child = spawn(join(CHECKOUT, 'bin/holdfast'), ['account', ...words, '--file', file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  child.stdin.end(`${input}\n`);
  assert.deepEqual(await once(child, 'close'), [0, null]);
  return printed.trim();
}

export interface ConsoleSettings {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly queuePrefix: string;
  readonly accounts: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningConsole {
  readonly url: string;
  readonly child: ChildProcess;
}

/** Ready when this returns; asked to stop, and seen to, when the test ends. */
export async function startConsole(t: Cleanup, settings: ConsoleSettings): Promise<RunningConsole> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { PATH = '', NODE_EXTRA_CA_CERTS = '' } = process.env;
  const child = spawn(process.execPath, [join(CHECKOUT, 'apps/console/main.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH,
      NODE_EXTRA_CA_CERTS,
      DATABASE_URL: settings.databaseUrl,
      REDIS_URL: settings.redisUrl,
      HOLDFAST_QUEUE_PREFIX: settings.queuePrefix,
      HOLDFAST_PORT: String(port),
      HOLDFAST_CONSOLE_ACCOUNTS: settings.accounts,
      ...settings.env,
    },
  });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });
  for (let tries = 0; ; tries += 1) {
    if ((await fetch(`${url}/readyz`).catch(() => null))?.status === 200) return { url, child };
    assert.ok(tries < 600 && child.exitCode === null, 'the console does not get ready');
    await delay(100);
  }
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

export interface Asked {
  readonly form?: Record<string, string>;
  readonly json?: unknown;
  /** Where a browser would say that the request comes from. */
  readonly from?: string;
  readonly headers?: Record<string, string>;
}

/** One visitor: keeps cookies, and says where its requests come from as browsers do. */
export class Visitor {
  readonly #url: string;
  readonly #cookies = new Map<string, string>();

  constructor(url: string) {
    this.#url = url;
  }

  async send(
    method: string,
    path: string,
    { form, json, from = 'same-origin', headers }: Asked = {},
  ): Promise<Answer> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(`${this.#url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        cookie,
        accept: path.startsWith('/api/') ? 'application/json' : 'text/html',
        'sec-fetch-site': from,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    for (const set of answer.headers.getSetCookie()) {
      const [pair = ''] = set.split(';');
      this.#cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  }

  /** The token of the login form. */
  async #formToken(): Promise<string> {
    const { text } = await this.send('GET', '/login');
    return /name="_csrf" value="([^"]+)"/.exec(text)?.[1] ?? '';
  }

  async logIn(name: string, password: string): Promise<Answer> {
    return this.send('POST', '/login', { form: { name, password, _csrf: await this.#formToken() } });
  }

  /** The token that a page sends back with what it changes. */
  async pageToken(): Promise<string> {
    return /data-csrf="([^"]+)"/.exec((await this.send('GET', '/')).text)?.[1] ?? '';
  }

  /** Asks the API as the page does. */
  async api(
    method: string,
    path: string,
    json?: unknown,
  ): Promise<{ readonly status: number; readonly body: unknown }> {
    const headers: Record<string, string> = method === 'GET' ? {} : { 'csrf-token': await this.pageToken() };
    const given = json === undefined ? {} : { json };
    const { status, text } = await this.send(method, `/api/v1${path}`, { ...given, headers });
    return { status, body: JSON.parse(text) as unknown };
  }
}
