// A Redis for one machine: the redis-server found on PATH, on a loopback port.
// It holds queues only, and queues are hints, so by default nothing of it is
// written to disk. `noeviction` is not a choice: BullMQ is wrong without it.

import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from './processes.ts';
import {
  askTcp,
  findOnPath,
  freePort,
  isAlive,
  logMark,
  logSince,
  signal,
  spawnService,
  tail,
  waitForExit,
} from './processes.ts';
import { ServiceError } from './service-error.ts';

const START_TIMEOUT_MS = 20_000;

export interface RedisOptions {
  /** Its working folder and log; made when missing. */
  readonly dir: string;
  readonly port?: number;
  /** Keep the data over a restart. */
  readonly appendonly?: boolean;
  /** Clients must give it; it is part of the URL. */
  readonly password?: string;
  readonly dieWithParent?: boolean;
  readonly log?: Log;
}

export interface RunningRedis {
  readonly url: string;
  readonly port: number;
  /** Of the current process: a restart changes it. */
  readonly pid: number;
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Stops it when it still runs and starts it again on the same port. */
  restart(): Promise<void>;
}

export type FoundRedis =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'binary'; readonly path: string };

/** The Redis that can be used without installing anything. */
export function findRedis(env: NodeJS.ProcessEnv = process.env): FoundRedis | null {
  const url = env['REDIS_URL'];
  if (url) return { kind: 'url', url };
  const path = findOnPath('redis-server');
  return path === null ? null : { kind: 'binary', path };
}

export async function startRedis(options: RedisOptions): Promise<RunningRedis> {
  const binary = findOnPath('redis-server');
  if (binary === null) {
    throw new ServiceError(
      'not-available',
      'There is no redis-server on PATH: install Redis (Debian: apt-get install redis-server) or set REDIS_URL.',
    );
  }
  const dir = resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  const port = options.port ?? (await freePort());
  let child = await launch(binary, dir, port, options);
  options.log?.(`Redis started on 127.0.0.1:${port} (process ${child.pid})`);

  const end = async (name: NodeJS.Signals) => {
    const pid = child.pid ?? 0;
    if (child.exitCode !== null || child.signalCode !== null || !isAlive(pid)) return;
    signal(pid, name);
    if (!(await waitForExit(pid, 10_000))) signal(pid, 'SIGKILL');
    await waitForExit(pid, 5_000);
  };
  return {
    url: `redis://${options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`}127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    async restart() {
      await end('SIGTERM');
      child = await launch(binary, dir, port, options);
    },
  };
}

async function launch(
  binary: string,
  dir: string,
  port: number,
  options: RedisOptions,
): Promise<ChildProcess> {
  const logFile = join(dir, 'redis.log');
  const mark = logMark(logFile);
  const settings: Record<string, string> = {
    bind: '127.0.0.1',
    port: String(port),
    dir,
    save: '',
    appendonly: options.appendonly ? 'yes' : 'no',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
    ...(options.password === undefined ? {} : { requirepass: options.password }),
  };
  const child = spawnService({
    command: binary,
    args: Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
    logFile,
    cwd: dir,
    dieWithParent: options.dieWithParent ?? false,
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const ended = child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
    // Ended is looked at first: another server on the port would answer for ours.
    if (ended || Date.now() > deadline) {
      if (!ended) signal(child.pid ?? 0, 'SIGKILL');
      throw new ServiceError(
        'start-failed',
        `Redis did not start on 127.0.0.1:${port}: ${tail(logSince(logFile, mark))}.`,
      );
    }
    // A password is asked for by a server that is up.
    if (/^(\+PONG|-NOAUTH)/.test((await askTcp(port, 'PING\r\n')) ?? '')) return child;
    await sleep(30);
  }
}
