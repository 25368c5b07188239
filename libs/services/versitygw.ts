// A real S3 server on loopback, for tests: Versity's gateway over a folder, which enforces conditions on
// writes and deletes, keeps versions and checks signatures. It is a Go module, built here once and kept.

import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from './processes.ts';
import {
  askTcp,
  findOnPath,
  freePort,
  logMark,
  logSince,
  runQuietly,
  signal,
  spawnService,
  tail,
  waitForExit,
} from './processes.ts';
import { ServiceError } from './service-error.ts';

const VERSION = '1.8.0';
const MODULE = `github.com/versity/versitygw/cmd/versitygw@v${VERSION}`;
const BUILD_TIMEOUT_MS = 8 * 60_000;
const START_TIMEOUT_MS = 20_000;

export interface S3ServerOptions {
  /** Its buckets, their versions and its log; made when missing. The file system must keep extended attributes. */
  readonly dir: string;
  readonly port?: number;
  readonly dieWithParent?: boolean;
  readonly log?: Log;
}

export interface S3Login {
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface RunningS3Server extends S3Login {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Where a build is kept for all checkouts of a user. */
function keptFolder(): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(cache, 'holdfast', `versitygw-${VERSION}`);
}

function findBinary(): string | null {
  const kept = join(keptFolder(), 'versitygw');
  return existsSync(kept) ? kept : findOnPath('versitygw');
}

/** Null when the server can be started here, else the reason why not. Installs nothing. */
export function whyNoS3Server(): string | null {
  if (process.platform !== 'linux') return 'the S3 server of the tests runs on Linux only';
  return findBinary() === null ? `versitygw is not built; with Go it is: go install ${MODULE}` : null;
}

/** Builds the server when it is missing, which takes minutes; null or the reason why not. */
export function ensureS3Server(log: Log = console.log): string | null {
  if (whyNoS3Server() === null) return null;
  const go = findOnPath('go');
  if (process.platform !== 'linux' || go === null) return whyNoS3Server();
  log(`Building the S3 server of the tests, once: ${MODULE}`);
  const folder = keptFolder();
  mkdirSync(folder, { recursive: true });
  const env = { ...process.env, GOBIN: folder, GOFLAGS: '-buildvcs=false' };
  const built = runQuietly(go, ['install', '-ldflags', '-s -w', MODULE], {
    env,
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  return built.code === 0 ? null : `"go install ${MODULE}" failed: ${tail(built.output)}`;
}

export async function startS3Server(options: S3ServerOptions): Promise<RunningS3Server> {
  const binary = findBinary();
  if (binary === null) throw new ServiceError('not-available', `${whyNoS3Server()}.`);
  const dir = resolve(options.dir);
  for (const part of ['buckets', 'versions']) mkdirSync(join(dir, part), { recursive: true });
  const port = options.port ?? (await freePort());
  const logFile = join(dir, 'versitygw.log');
  const mark = logMark(logFile);
  const login = { region: 'us-east-1', accessKeyId: 'testkey', secretAccessKey: 'testsecret' };
  const child = spawnService({
    command: binary,
    args: [
      '--port',
      `127.0.0.1:${port}`,
      '--region',
      login.region,
      '--quiet',
      'posix',
      '--versioning-dir',
      join(dir, 'versions'),
      join(dir, 'buckets'),
    ],
    logFile,
    env: { ...process.env, ROOT_ACCESS_KEY: login.accessKeyId, ROOT_SECRET_KEY: login.secretAccessKey },
    dieWithParent: options.dieWithParent ?? false,
  });
  const pid = child.pid ?? 0;
  const deadline = Date.now() + START_TIMEOUT_MS;
  while ((await askTcp(port, 'GET / HTTP/1.0\r\n\r\n')) === null) {
    const ended = child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
    if (ended || Date.now() > deadline) {
      if (!ended) signal(pid, 'SIGKILL');
      const said = tail(logSince(logFile, mark));
      throw new ServiceError('start-failed', `The S3 server did not start on 127.0.0.1:${port}: ${said}.`);
    }
    await sleep(30);
  }
  options.log?.(`S3 server started on 127.0.0.1:${port} (process ${pid})`);
  return {
    ...login,
    url: `http://127.0.0.1:${port}`,
    pid,
    async stop() {
      signal(pid, 'SIGTERM');
      if (!(await waitForExit(pid, 5_000))) signal(pid, 'SIGKILL');
    },
  };
}
