/**
 * Stand: the real services of a run, each in a folder of its own: PostgreSQL that keeps its commits
 * over a crash, Redis, a Pithos server as a process, and Swift where this machine has it; each
 * object store behind a fault proxy.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningPostgres, startPostgres } from '#libs/services/embedded-postgres.ts';
import { askTcp, freePort, isAlive, logSince, signal, spawnService } from '#libs/services/processes.ts';
import { type RunningRedis, startRedis } from '#libs/services/redis.ts';
import { ensureSwift, type RunningSwift, startSwift, stopSwift } from '#libs/services/swift.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import type { Journal } from './journal.ts';
import { type Random, randomOf } from './random.ts';

const CHECKOUT = resolve(import.meta.dirname, '../..');
/** Small, so that a file has several blocks. */
export const PITHOS_BLOCK_SIZE = 256 * 1024;
export const PITHOS_USER = 'chaos-user';
const PITHOS_START_MS = 20_000;

/** One object store, seen from where operators see it. */
export interface StandStore {
  readonly kind: 'swift' | 'pithos';
  /** The login URL through the proxy. */
  readonly loginUrl: string;
  readonly secretFile: string;
  readonly proxy: FaultProxy;
  /** Whether requests of the engine are refused just now for want of a valid secret. */
  isLocked: boolean;
}

export interface SwiftStore extends StandStore {
  readonly kind: 'swift';
  readonly server: RunningSwift;
  readonly key: string;
}

export interface PithosStore extends StandStore {
  readonly kind: 'pithos';
  /** URL of the object store, past the proxy. */
  readonly url: string;
  /** The token that is valid, or will be next. */
  token: string;
  control(commands: unknown): Promise<void>;
}

export interface Stand {
  readonly databaseUrl: string;
  /** Null: the queue lives in PostgreSQL. */
  readonly redis: RunningRedis | null;
  readonly pithos: PithosStore;
  /** Null where there is none; `swiftMissing` says why. */
  readonly swift: SwiftStore | null;
  readonly swiftMissing: string | null;
  /** Whatever may be shown to nobody. */
  readonly secrets: Set<string>;
  restartPostgres(downMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** Where the fleet keeps its queue. */
export type Queue = 'redis' | 'postgres';

export interface StandOptions {
  readonly dir: string;
  readonly seed: string;
  readonly queue: Queue;
  readonly journal: Journal;
  /** Takes an upload that a proxy damaged: the kind of store, the path and the bytes. */
  readonly onDamaged: (path: string, body: Buffer) => void;
  readonly log: (text: string) => void;
}

export async function openStand(options: StandOptions): Promise<Stand> {
  const { dir, log } = options;
  const stops: (() => Promise<void> | void)[] = [];
  const secrets = new Set<string>();
  try {
    const dataDir = join(dir, 'postgres');
    const startDatabase = (): Promise<RunningPostgres> => startPostgres({ dataDir, dieWithParent: true });
    let postgres = await startDatabase();
    stops.push(() => postgres.stop());
    secrets.add(decodeURIComponent(new URL(postgres.url).password));

    const redis = options.queue === 'redis' ? await openRedis(dir, secrets, stops) : null;

    const pithos = await openPithos(options, secrets, stops);
    const swiftMissing = await ensureSwift(log);
    const swift = swiftMissing === null ? await openSwift(options, secrets, stops) : null;
    return {
      databaseUrl: postgres.url,
      redis,
      pithos,
      swift,
      swiftMissing,
      secrets,
      restartPostgres: async (downMs) => {
        await postgres.kill9();
        await sleep(downMs);
        postgres = await startDatabase();
      },
      stop: () => stopAll(stops),
    };
  } catch (thrown) {
    await stopAll(stops);
    throw thrown;
  }
}

async function openRedis(
  dir: string,
  secrets: Set<string>,
  stops: (() => Promise<void> | void)[],
): Promise<RunningRedis> {
  const password = freshSecret('redis');
  secrets.add(password);
  const redis = await startRedis({ dir: join(dir, 'redis'), dieWithParent: true, password });
  stops.push(() => redis.stop());
  return redis;
}

/** Ends what an earlier run could not, because it was killed: Swift has nobody else to do it. */
export async function endLeftoverSwift(dir: string): Promise<void> {
  const swift = join(dir, 'swift');
  if (existsSync(join(swift, 'run', 'proxy.pid'))) await stopSwift(swift);
}

async function stopAll(stops: readonly (() => Promise<void> | void)[]): Promise<void> {
  for (const stop of [...stops].reverse()) await stop();
}

/** Secrets are not part of what a seed repeats. */
export function freshSecret(of: string): string {
  return `${of}+${randomBytes(12).toString('base64')}`;
}

/** A reader finds the old secret or the new one, never half of it. */
export function writeSecret(file: string, secret: unknown): void {
  const draft = `${file}.new`;
  writeFileSync(draft, typeof secret === 'string' ? secret : JSON.stringify(secret), { mode: 0o600 });
  renameSync(draft, file);
}

async function openProxy(options: StandOptions, kind: string, upstream: string): Promise<FaultProxy> {
  const random: Random = randomOf(options.seed, `proxy/${kind}`);
  return startFaultProxy({
    upstream,
    random,
    onDamaged: options.onDamaged,
    onFault: (fault, method, path) => {
      options.journal.note(`fault ${fault}`, { kind, method, path });
    },
  });
}

async function openPithos(
  options: StandOptions,
  secrets: Set<string>,
  stops: (() => Promise<void> | void)[],
): Promise<PithosStore> {
  const { dir } = options;
  const data = join(dir, 'pithos');
  mkdirSync(data, { recursive: true });
  const port = await freePort();
  const token = freshSecret('pithos');
  secrets.add(token);
  const logFile = join(dir, 'logs', 'service-pithos.log');
  const child = spawnService({
    command: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      join(CHECKOUT, 'libs/pithos-server/main.ts'),
      ...['--data', data, '--port', String(port), '--token', token, '--user', PITHOS_USER],
      ...['--block-size', String(PITHOS_BLOCK_SIZE), '--control'],
    ],
    logFile,
    dieWithParent: true,
  });
  const pid = child.pid ?? 0;
  stops.push(() => signal(pid, 'SIGKILL'));
  const deadline = Date.now() + PITHOS_START_MS;
  while (!logSince(logFile, 0).includes('pithos-server ready')) {
    if (!isAlive(pid) || Date.now() > deadline)
      throw new Error(`the Pithos server did not start; see ${logFile}`);
    await sleep(30);
  }
  // The server's own greeting names its token; it is no process of ours.
  writeFileSync(logFile, '');
  const origin = `http://127.0.0.1:${port}`;
  const proxy = await openProxy(options, 'pithos', origin);
  stops.push(() => proxy.close());
  const secretFile = join(dir, 'secret-pithos');
  writeSecret(secretFile, token);
  return {
    kind: 'pithos',
    loginUrl: `${proxy.origin}/identity/v2.0`,
    url: `${origin}/pithos/object-store/v1`,
    secretFile,
    proxy,
    token,
    isLocked: false,
    control: async (commands) => {
      const answer = await fetch(`${origin}/_control`, { method: 'POST', body: JSON.stringify(commands) });
      if (!answer.ok)
        throw new Error(`the Pithos server refused ${JSON.stringify(commands)}: ${answer.status}`);
    },
  };
}

async function openSwift(
  options: StandOptions,
  secrets: Set<string>,
  stops: (() => Promise<void> | void)[],
): Promise<SwiftStore> {
  const key = freshSecret('swift');
  secrets.add(key);
  const server = await startSwift({ dir: join(options.dir, 'swift'), key, log: options.log });
  stops.push(() => server.stop());
  const proxy = await openProxy(options, 'swift', new URL(server.authUrl).origin);
  stops.push(() => proxy.close());
  const secretFile = join(options.dir, 'secret-swift');
  writeSecret(secretFile, { user: server.user, key });
  const loginUrl = `${proxy.origin}${new URL(server.authUrl).pathname}`;
  return { kind: 'swift', loginUrl, secretFile, proxy, server, key, isLocked: false };
}

/** Makes every token that Swift gave out unknown. */
export async function forgetSwiftTokens({ server }: SwiftStore): Promise<void> {
  const memcached = server.port + 4;
  if ((await askTcp(memcached, 'flush_all\r\n')) === null) throw new Error('memcached does not answer');
}
