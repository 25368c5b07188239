// The real services of the tests. Under `npm test` the runner has started shared
// ones and says where in TEST_* variables; a file run alone with `node --test`
// starts what it asks for, in a folder that goes with the process.
//
//   testDatabase(t)   a migrated database of this test's own, dropped after it
//   testRedisUrl()    the shared Redis: use names of your own, never flush
//   ownRedis(t)       a private Redis, to flush, kill and restart
//   ownPostgres(t)    a private server, to kill and restart
//   swift()           the shared Swift, or null where there is none
//   ownSwift(t)       a private one, to freeze; or null (takes some seconds)
//   s3()              the shared S3 server, or null where there is none

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type RunningPostgres, startPostgres } from '../../libs/services/embedded-postgres.ts';
import { signal } from '../../libs/services/processes.ts';
import { type RunningRedis, startRedis } from '../../libs/services/redis.ts';
import { attachSwift, type RunningSwift, startSwift, whyNoSwift } from '../../libs/services/swift.ts';
import { type S3Login, startS3Server, whyNoS3Server } from '../../libs/services/versitygw.ts';
import { copyTemplate, createTemplate, dropDatabase } from './template-database.ts';

/** The part of node:test's context that is needed here. */
export interface Cleanup {
  after(work: () => Promise<void> | void): void;
}

const TEMPLATE = 'holdfast_template';

export async function testDatabase(t: Cleanup): Promise<string> {
  const { adminUrl, template } = await database();
  const name = `holdfast_test_${process.pid}_${randomBytes(5).toString('hex')}`;
  const url = await copyTemplate(adminUrl, template, name);
  t.after(() => dropDatabase(adminUrl, name));
  return url;
}

export async function testRedisUrl(): Promise<string> {
  return process.env['TEST_REDIS_URL'] ?? (await lazyRedis()).url;
}

/** `appendonly` keeps the data over a restart. */
export async function ownRedis(
  t: Cleanup,
  options: { appendonly?: boolean; password?: string } = {},
): Promise<RunningRedis> {
  const dir = scratch();
  const redis = await startRedis({ dir, dieWithParent: true, ...options });
  t.after(async () => {
    await redis.stop();
    removeScratch(dir);
  });
  return redis;
}

export interface OwnPostgres {
  readonly url: string;
  readonly pid: number;
  kill9(): Promise<void>;
  stop(): Promise<void>;
  /** Starts it again on the same data and port. */
  start(): Promise<void>;
}

/** Empty: `migrate` it when needed. Commits survive kill9; `fast` gives that up for speed. */
export async function ownPostgres(t: Cleanup, options: { fast?: boolean } = {}): Promise<OwnPostgres> {
  const dataDir = scratch();
  const start = () => startPostgres({ dataDir, dieWithParent: true, ...options });
  let server: RunningPostgres = await start();
  t.after(async () => {
    await server.stop();
    removeScratch(dataDir);
  });
  return {
    get url() {
      return server.url;
    },
    get pid() {
      return server.pid;
    },
    kill9: () => server.kill9(),
    stop: () => server.stop(),
    async start() {
      server = await start();
    },
  };
}

export async function swift(): Promise<RunningSwift | null> {
  const { TEST_SWIFT_DIR: dir, TEST_SWIFT_PORT: port } = process.env;
  if (dir && port) return attachSwift(dir, Number(port));
  // The runner looked for it and said why there is none.
  if (process.env['TEST_DATABASE_URL'] || whyNoSwift() !== null) return null;
  return lazySwift();
}

export async function ownSwift(t: Cleanup): Promise<RunningSwift | null> {
  if (whyNoSwift() !== null) return null;
  const running = await startSwift();
  t.after(() => running.stop());
  return running;
}

export async function s3(): Promise<S3Login | null> {
  const { TEST_S3_URL: url, TEST_S3_REGION: region } = process.env;
  const { TEST_S3_ACCESS_KEY_ID: accessKeyId, TEST_S3_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
  if (url && region && accessKeyId && secretAccessKey) return { url, region, accessKeyId, secretAccessKey };
  if (process.env['TEST_DATABASE_URL'] || whyNoS3Server() !== null) return null;
  return lazyS3();
}

async function database(): Promise<{ adminUrl: string; template: string }> {
  const { TEST_DATABASE_URL: adminUrl, TEST_DATABASE_TEMPLATE: template } = process.env;
  if (adminUrl && template) return { adminUrl, template };
  return lazyDatabase();
}

const lazyDatabase = once(async () => {
  const dataDir = scratch();
  const server = await startPostgres({ dataDir, fast: true, dieWithParent: true });
  atExit(() => signal(server.pid, 'SIGKILL'), dataDir);
  await createTemplate(server.url, TEMPLATE);
  return { adminUrl: server.url, template: TEMPLATE };
});

const lazyRedis = once(async () => {
  const dir = scratch();
  const redis = await startRedis({ dir, dieWithParent: true });
  atExit(() => signal(redis.pid, 'SIGKILL'), dir);
  return redis;
});

const lazySwift = once(async () => {
  const running = await startSwift({ dir: scratch() });
  const script = resolve(import.meta.dirname, '../../scripts/swift-aio.sh');
  atExit(() => execFileSync('/bin/sh', [script, 'stop', running.dir, String(running.port)]), running.dir);
  return running;
});

const lazyS3 = once(async () => {
  const dir = scratch();
  const server = await startS3Server({ dir, dieWithParent: true });
  atExit(() => signal(server.pid, 'SIGKILL'), dir);
  return server;
});

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), `holdfast-test-${process.pid}-`));
  chmodSync(dir, 0o755); // The services run as users of their own.
  return dir;
}

function removeScratch(dir: string): void {
  rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

// Exit handlers cannot wait, so the service is not asked but ended; its data goes anyway.
function atExit(end: () => void, dir: string): void {
  process.on('exit', () => {
    try {
      end();
    } finally {
      removeScratch(dir);
    }
  });
}
