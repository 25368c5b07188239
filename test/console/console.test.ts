/** The console as a process of its own, on real PostgreSQL and Redis, asked as a browser asks. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startPithosServer } from '#libs/pithos-server/server.ts';
import { secretFile, startFleet, type TestFleet } from '#test/support/fleet.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { testDatabase, testRedisUrl } from '#test/support/services.ts';

const CHECKOUT = resolve(import.meta.dirname, '../..');
const PASSWORDS = { ada: 'correct horse battery', bob: 'staple staple staple' } as const;

const undoing = new LastFirst();
let fleet: TestFleet;
let url = '';
let accounts = '';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Runs `holdfast account` on the accounts file; a password is that of the name. */
async function account(verb: string, name: keyof typeof PASSWORDS, ...more: string[]): Promise<void> {
  const words = ['account', verb, name, ...more, '--file', accounts];
  const child = spawn(join(CHECKOUT, 'bin/holdfast'), words, { stdio: ['pipe', 'ignore', 'inherit'] });
  child.stdin.end(`${PASSWORDS[name]}\n`);
  assert.deepEqual(await once(child, 'exit'), [0, null]);
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** One visitor: keeps cookies, and says where its requests come from as browsers do. */
class Visitor {
  readonly #cookies = new Map<string, string>();

  async send(
    method: string,
    path: string,
    form?: Record<string, string>,
    from = 'same-origin',
  ): Promise<Answer> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: { cookie, accept: 'text/html', 'sec-fetch-site': from },
      ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
    });
    for (const set of answer.headers.getSetCookie()) {
      const [pair = ''] = set.split(';');
      this.#cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  }

  async token(path: string): Promise<string> {
    const { text } = await this.send('GET', path);
    return /name="_csrf" value="([^"]+)"/.exec(text)?.[1] ?? '';
  }

  async logIn(name: string, password: string): Promise<Answer> {
    return this.send('POST', '/login', { name, password, _csrf: await this.token('/login') });
  }
}

async function visitor(name: keyof typeof PASSWORDS): Promise<Visitor> {
  const one = new Visitor();
  assert.equal((await one.logIn(name, PASSWORDS[name])).status, 303);
  return one;
}

before(async () => {
  const databaseUrl = await testDatabase(undoing);
  const redisUrl = await testRedisUrl();
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-console-'));
  undoing.after(() => rm(dir, { recursive: true, force: true }));
  const pithos = await startPithosServer({
    dir: join(dir, 'pithos'),
    users: [{ token: 'pithos-token', userId: 'u', name: 'U' }],
  });
  undoing.after(() => pithos.close());
  const queuePrefix = `console-${process.pid}`;
  fleet = await startFleet(undoing, { databaseUrl, redisUrl, env: { HOLDFAST_QUEUE_PREFIX: queuePrefix } });
  accounts = join(dir, 'accounts.json');
  await account('set', 'ada', '--role', 'operator');
  await account('set', 'bob', '--role', 'viewer');
  const folder = join(dir, 'folder');
  await mkdir(folder);
  const secret = await secretFile(fleet, { token: 'pithos-token' });
  await fleet.json('store', 'add', 's', '--kind', 'pithos', '--url', pithos.authUrl, '--secret-file', secret);
  await fleet.json('pair', 'add', 'docs', '--folder', folder, '--store', 's', '--container', 'docs');
  await fleet.sync('docs');

  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [join(CHECKOUT, 'apps/console/main.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH,
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      HOLDFAST_QUEUE_PREFIX: queuePrefix,
      HOLDFAST_PORT: String(port),
      HOLDFAST_CONSOLE_ACCOUNTS: accounts,
    },
  });
  undoing.after(async () => {
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });
  for (let tries = 0; ; tries += 1) {
    if ((await fetch(`${url}/readyz`).catch(() => null))?.status === 200) break;
    assert.ok(tries < 300 && child.exitCode === null, 'the console does not get ready');
    await delay(100);
  }
});

after(() => undoing.undo());

describe('without a login', () => {
  it('nothing but health, metrics and the login page is shown', async () => {
    const stranger = new Visitor();
    for (const path of ['/', '/pairs/docs', '/queues', '/queues/api/queues']) {
      const { status, text, headers } = await stranger.send('GET', path);
      assert.deepEqual([path, status, headers.get('location')], [path, 303, '/login']);
      assert.doesNotMatch(text, /docs/);
    }
    assert.equal((await stranger.send('PUT', '/queues/api/queues/poll/pause')).status, 401);
    assert.equal((await stranger.send('GET', '/livez')).status, 200);
    assert.match(
      (await stranger.send('GET', '/metrics')).text,
      /holdfast_queue_backlog_jobs\{queue="transfer.default"\} \d/,
    );
  });

  it('a wrong password and an unknown name are told alike, and a form needs its token', async () => {
    const stranger = new Visitor();
    const wrong = await stranger.logIn('ada', 'not the password');
    const unknown = await stranger.logIn('nobody', 'not the password');
    assert.deepEqual([wrong.status, unknown.status], [401, 401]);
    const shown = (text: string): string => text.replaceAll(/value="[^"]*"/g, '');
    assert.equal(shown(wrong.text), shown(unknown.text));
    const forged = await stranger.send('POST', '/login', { name: 'ada', password: PASSWORDS.ada });
    assert.equal(forged.status, 403);
  });
});

describe('an operator', () => {
  it('sees pairs and queues, and acts on them', async () => {
    const ada = await visitor('ada');
    assert.match((await ada.send('GET', '/')).text, /docs.*in-sync/s);
    const queues = await ada.send('GET', '/queues/api/queues');
    assert.match(queues.text, /transfer\.default/);
    const paused = await ada.send('POST', '/pairs/docs/pause', { _csrf: await ada.token('/pairs/docs') });
    assert.equal(paused.status, 303);
    assert.match((await ada.send('GET', '/pairs/docs')).text, /paused/);
    await ada.send('POST', '/pairs/docs/resume', { _csrf: await ada.token('/pairs/docs') });
    assert.doesNotMatch((await ada.send('GET', '/pairs/docs')).text, /class="paused"/);
  });

  it('is not acted for by another site', async () => {
    const ada = await visitor('ada');
    const token = await ada.token('/pairs/docs');
    const forged = await ada.send('POST', '/pairs/docs/pause', { _csrf: token }, 'cross-site');
    assert.equal(forged.status, 403);
    assert.equal((await ada.send('POST', '/pairs/docs/pause', { _csrf: 'made up' })).status, 403);
    assert.equal(
      (await ada.send('PUT', '/queues/api/queues/poll/pause', undefined, 'cross-site')).status,
      403,
    );
  });

  it('gets a sentence for a pair that is gone, and no stack', async () => {
    const answer = await (await visitor('ada')).send('GET', '/pairs/nowhere');
    assert.equal(answer.status, 404);
    assert.doesNotMatch(answer.text, /\.ts|at /);
  });
});

describe('a viewer', () => {
  it('sees everything and changes nothing, on the pages or in Bull Board', async () => {
    const bob = await visitor('bob');
    const page = await bob.send('GET', '/pairs/docs');
    assert.match(page.text, /docs/);
    assert.doesNotMatch(page.text, /Pause/);
    assert.equal((await bob.send('POST', '/pairs/docs/pause', { _csrf: await bob.token('/') })).status, 403);
    assert.equal((await bob.send('PUT', '/queues/api/queues/poll/pause')).status, 403);
  });
});

describe('an account', () => {
  it('that is removed is out at once', async () => {
    const bob = await visitor('bob');
    assert.equal((await bob.send('GET', '/')).status, 200);
    await account('remove', 'bob');
    assert.equal((await bob.send('GET', '/')).status, 303);
  });
});
