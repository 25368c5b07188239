/**
 * Supervise: everything `holdfast up` keeps running, in the order in which it is started;
 * it is stopped in the opposite one. What ends by itself is started again, for as long as
 * nobody asks to stop.
 */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate } from '#libs/archive-prisma/migrate.ts';
import { type Fleet, openFleet } from '#libs/compose/fleet.ts';
import type { Config } from '#libs/config/load.ts';
import { createLog } from '#libs/runtime/log.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import { removeUpFile, upFilePlaces, writeUpFile } from '../up-file.ts';
import { Child } from './child.ts';
import { hasAccounts, homeOfConsole } from './console-home.ts';
import { lockData } from './data-lock.ts';
import { type Front, openFront } from './front.ts';
import { openLogFile } from './log-file.ts';
import { keepPostgres } from './postgres-keeper.ts';

const APPS = ['watcher', 'poller', 'decider', 'transfer', 'console'] as const;
/** What a child has for draining, and a little more for closing its connections. */
const DRAIN_MS = 15_000;
const READY_LOOK_MS = 50;
/** A database that was just found may be the one that a killed predecessor takes with it. */
const OPEN_ATTEMPTS = 10;
const OPEN_RETRY_MS = 500;

export interface UpOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly config: Config;
  /** Absolute. */
  readonly data: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Log lines are shown on standard error too. */
  readonly isShown: boolean;
  /** Takes sentences about what is going on. */
  readonly say: (sentence: string) => void;
  readonly onReady: (up: ReadyUp) => void;
}

export interface ReadyUp {
  readonly url: string;
  readonly logs: string;
  /** The file with the console's accounts. */
  readonly accounts: string;
  /** Whether anybody may log in to the console. */
  readonly hasAccounts: boolean;
}

export interface StopSignals {
  /** End everything in order. */
  readonly stopping: AbortSignal;
  /** End everything now. */
  readonly hurry: AbortSignal;
}

/**
 * Runs until `stopping` is aborted and everything has ended.
 * @throws HoldfastError or ServiceError when the start fails; then nothing is left running
 */
export async function supervise(options: UpOptions, { stopping, hurry }: StopSignals): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const { data, config, env } = options;
  // Root's folder may be entered by others, since PostgreSQL refuses to run as root; what is private inside is so itself.
  makeFolder(data, process.getuid?.() === 0 ? 0o711 : 0o700);
  const lock = lockData(data);
  stack.defer(() => lock.release());
  const logs = join(data, 'logs');
  makeFolder(logs, 0o700);
  const outputOf = (name: string) => openOutput(logs, name, options.isShown, stack);
  const log = createLog({ name: 'up', level: config.logLevel, stream: { write: outputOf('up') } });

  const consoleHome = homeOfConsole(config, data);
  let fleet: Fleet | null = null;
  let children: readonly Child[] = [];
  const conditions = () => children.map((child) => child.condition);
  const token = randomBytes(32).toString('hex');
  const front = await openFront({
    port: options.port,
    token,
    log,
    operator: () => fleet?.operator ?? null,
    children: conditions,
    consolePort: () => consoleHome.port,
  });
  stack.defer(() => front.close());
  leaveUpFiles(options, front, token, stack);

  const databaseUrl = await provideDatabase(options, log, stack, () => {
    for (const child of children) child.renew();
  });
  fleet = await openDatabase(() => ({ ...config, databaseUrl: databaseUrl() }), log, stopping);
  if (fleet === null) return;
  const opened = fleet;
  stack.defer(() => opened.close());

  // They would take each other's HTTP port; they are asked over their channels instead.
  const childEnv = async () => ({
    ...env,
    DATABASE_URL: databaseUrl(),
    HOLDFAST_DATA: data,
    HOLDFAST_HTTP_PORT: '',
  });
  const consoleEnv = async () => ({ ...(await childEnv()), ...(await consoleHome.env()) });
  const started = APPS.map((app) => {
    const envOf = app === 'console' ? consoleEnv : childEnv;
    return new Child({ app, env: envOf, onOutput: outputOf(app), log });
  });
  children = started;
  stack.defer(async () => {
    options.say('Stopping; again Ctrl-C stops at once.');
    await Promise.all(started.map((child) => child.stop(DRAIN_MS, hurry)));
  });
  while (!stopping.aborted && !conditions().every((child) => child.isReady)) await sleep(READY_LOOK_MS);
  if (!stopping.aborted) {
    const { accounts } = consoleHome;
    options.onReady({ url: front.url, logs, accounts, hasAccounts: await hasAccounts(accounts) });
  }
  await aborted(stopping);
}

function makeFolder(folder: string, mode: number): void {
  try {
    mkdirSync(folder, { recursive: true, mode });
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new HoldfastError(
      'local-denied',
      code === 'EEXIST' || code === 'ENOTDIR'
        ? `${folder} is not a folder; give another one: holdfast up --data DIR`
        : `folder ${folder} cannot be used (${code}); give one that you may write to: holdfast up --data DIR`,
      { cause: thrown },
    );
  }
}

function openOutput(
  logs: string,
  name: string,
  isShown: boolean,
  stack: AsyncDisposableStack,
): (chunk: Uint8Array | string) => void {
  const file = openLogFile(join(logs, `${name}.log`));
  stack.defer(() => file.close());
  return (chunk) => {
    file.write(chunk);
    if (isShown) process.stderr.write(chunk);
  };
}

function leaveUpFiles(options: UpOptions, front: Front, token: string, stack: AsyncDisposableStack): void {
  const content = { url: front.url, token, pid: process.pid, data: options.data };
  for (const file of upFilePlaces(options.env, front.port, options.data)) {
    writeUpFile(file, content);
    stack.defer(() => removeUpFile(file, process.pid));
  }
}

/** @returns gives the URL as it is now. */
async function provideDatabase(
  { config, data, say }: UpOptions,
  log: Log,
  stack: AsyncDisposableStack,
  onMoved: () => void,
): Promise<() => string> {
  const { databaseUrl } = config;
  if (databaseUrl !== null) return () => databaseUrl;
  say('Starting PostgreSQL.');
  const postgres = await keepPostgres(join(data, 'postgres'), log, onMoved);
  stack.defer(() => postgres.stop());
  return () => postgres.url;
}

/** @returns null when asked to stop meanwhile. @throws HoldfastError when the database stays away or is newer */
async function openDatabase(config: () => Config, log: Log, stopping: AbortSignal): Promise<Fleet | null> {
  for (let attempt = 1; !stopping.aborted; attempt += 1) {
    const current = config();
    try {
      await migrate(current.databaseUrl ?? '', { log: (text) => log.info({}, text) });
      return await openFleet({ config: current, log });
    } catch (thrown) {
      const isAway = thrown instanceof HoldfastError && thrown.grade === 'transient';
      if (!isAway || attempt === OPEN_ATTEMPTS) throw thrown;
      log.warn({ err: thrown.message, attempt }, 'the database is not there yet; it is tried again');
      await sleep(OPEN_RETRY_MS);
    }
  }
  return null;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
