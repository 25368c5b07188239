// What the quick start runs: `holdfast up`, a development Pithos server, and the
// real command line. Both services end with this process, however it ends.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  freePort,
  isAlive,
  isPortFree,
  logMark,
  logSince,
  signal,
  spawnService,
  tail,
  waitForExit,
} from '../libs/services/processes.ts';

const ROOT = resolve(import.meta.dirname, '..');
export const HOLDFAST = join(ROOT, 'bin', 'holdfast');
const STOP_MS = 30_000;

export const TOKEN = 'quickstart-token';
export const USER = 'quickstart';

/** A database or fleet that this shell is set up for is none of the quick start's business. */
export function quickstartEnv(data: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([key]) => !/^(DATABASE_URL|REDIS_URL|HOLDFAST_.*)$/.test(key),
  );
  return {
    ...Object.fromEntries(kept),
    HOLDFAST_DATA: join(data, 'holdfast'),
    XDG_STATE_HOME: join(data, 'state'),
    // Livelier than the defaults, for somebody who watches.
    HOLDFAST_SETTLE_MS: '200',
    HOLDFAST_POLL_INTERVAL_MS: '1000',
    HOLDFAST_POLL_MAX_INTERVAL_MS: '2000',
  };
}

export interface RunningUp {
  readonly url: string;
  stop(): Promise<void>;
}

/** @throws Error with what `holdfast up` said when it does not get ready */
export async function startUp(env: NodeJS.ProcessEnv, data: string): Promise<RunningUp> {
  const errors = join(data, 'up.stderr');
  // With a channel to us it stops when we are gone; in a session of its own, Ctrl-C leaves the order to us.
  const child = spawn(HOLDFAST, ['up', '--port', '0', '--json'], {
    env,
    detached: true,
    stdio: ['ignore', 'pipe', openSync(errors, 'w'), 'ipc'],
  });
  const stop = (): Promise<void> => stopChild(child);
  try {
    const ready = JSON.parse(await firstDocument(child, errors)) as { url: string };
    return { url: ready.url, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

function firstDocument(child: ChildProcess, errors: string): Promise<string> {
  return new Promise((done, fail) => {
    let text = '';
    const onExit = (): void =>
      fail(new Error(`holdfast up did not start: ${tail(readFileSync(errors, 'utf8').trim())}`));
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (!text.trimEnd().endsWith('}')) return;
      // At its end later on the folder with its words may be gone.
      child.off('exit', onExit);
      done(text);
    });
    child.once('error', fail);
    child.once('exit', onExit);
  });
}

async function stopChild(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined) return;
  signal(pid, 'SIGTERM');
  if (!(await waitForExit(pid, STOP_MS))) signal(pid, 'SIGKILL');
}

export interface RunningPithos {
  readonly loginUrl: string;
  put(name: string, content: string): Promise<void>;
  /** @returns null when there is no such object. */
  get(name: string): Promise<string | null>;
  names(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

/** @throws Error with what the server said when it does not get ready */
export async function startPithos(data: string, container: string): Promise<RunningPithos> {
  const port = await rememberedPort(join(data, 'pithos.port'));
  const logFile = join(data, 'pithos.log');
  const mark = logMark(logFile);
  const child = spawnService({
    command: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      join(ROOT, 'libs', 'pithos-server', 'main.ts'),
      ...['--data', join(data, 'pithos'), '--port', String(port), '--token', TOKEN, '--user', USER],
    ],
    logFile,
    dieWithParent: true,
  });
  const pid = child.pid ?? 0;
  while (!logSince(logFile, mark).includes('pithos-server ready')) {
    if (!isAlive(pid)) throw new Error(`the Pithos server did not start: ${tail(logSince(logFile, mark))}`);
    await sleep(20);
  }
  const origin = `http://127.0.0.1:${port}`;
  return {
    loginUrl: `${origin}/identity/v2.0`,
    ...objectApi(`${origin}/pithos/object-store/v1/${USER}/${container}`),
    stop: async () => {
      signal(pid, 'SIGTERM');
      if (!(await waitForExit(pid, STOP_MS))) signal(pid, 'SIGKILL');
    },
  };
}

/** The store's URL is in the database, so on the same data the server comes back on the same port. */
async function rememberedPort(file: string): Promise<number> {
  const last = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  if (last > 0) {
    if (await isPortFree(last)) return last;
    throw new Error(
      `port ${last}, which the Pithos server had here before, is taken: give another --data folder`,
    );
  }
  const port = await freePort();
  mkdirSync(resolve(file, '..'), { recursive: true });
  writeFileSync(file, `${port}\n`);
  return port;
}

/** Plain requests of the Pithos API, as any other client would send them. */
function objectApi(containerUrl: string): Pick<RunningPithos, 'put' | 'get' | 'names'> {
  const headers = { 'x-auth-token': TOKEN };
  const urlOf = (name: string): string =>
    `${containerUrl}/${name.split('/').map(encodeURIComponent).join('/')}`;
  return {
    put: async (name, content) => {
      const answer = await fetch(urlOf(name), {
        method: 'PUT',
        headers: { ...headers, 'content-type': 'text/plain' },
        body: content,
      });
      if (answer.status !== 201) throw new Error(`PUT ${name} was answered ${answer.status}`);
    },
    get: async (name) => {
      const answer = await fetch(urlOf(name), { headers });
      if (answer.status === 404) return null;
      if (answer.status !== 200) throw new Error(`GET ${name} was answered ${answer.status}`);
      return answer.text();
    },
    names: async () => {
      const answer = await fetch(`${containerUrl}?format=json`, { headers });
      if (answer.status !== 200) throw new Error(`listing was answered ${answer.status}`);
      return ((await answer.json()) as { name: string }[]).map(({ name }) => name);
    },
  };
}

/** Runs the real command line. @returns its JSON document. @throws Error with its sentence */
export async function holdfast(env: NodeJS.ProcessEnv, ...words: readonly string[]): Promise<unknown> {
  const { promise, resolve: done, reject } = Promise.withResolvers<unknown>();
  execFile(HOLDFAST, [...words, '--json'], { env }, (error, stdout, stderr) => {
    if (error === null) return done(JSON.parse(stdout));
    const said = stderr.trim().split('\n').at(-1) ?? '';
    reject(
      new Error(
        `holdfast ${words.join(' ')}: ${said.startsWith('{') ? JSON.parse(said).error.message : said}`,
      ),
    );
  });
  return promise;
}
