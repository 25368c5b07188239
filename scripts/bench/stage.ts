/**
 * Stage: everything a workload runs on: PostgreSQL that counts statements, Redis, a counted Swift
 * where there is one, a fleet with one process of each kind, and an operator that needs no process
 * of its own, so that what is measured is the fleet.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Fleet, openFleet } from '#libs/compose/fleet.ts';
import { loadConfig } from '#libs/config/load.ts';
import type { Log } from '#ports/log.ts';
import type { Operator } from '#ports/operator.ts';
import type { SecretReference, StoreKind } from '#ports/pair.ts';
import { type App, secretFile, startFleet, type TestFleet } from '#test/support/fleet.ts';
import type { LastFirst } from '#test/support/last-first.ts';
import type { Cost } from './cost.ts';
import { cpuSeconds, peakMiB, resetPeak, runCommand } from './processes.ts';
import {
  benchDirectory,
  benchPostgres,
  benchRedis,
  countStatements,
  resetStatements,
  slowestStatements,
} from './services.ts';
import { type Counted, type CountedSwift, countedSwift, timed } from './stores.ts';

export const APPS: readonly App[] = ['watcher', 'poller', 'decider', 'transfer'];
/** The store that every stage with a Swift knows. */
export const SWIFT = 'swift';
/** What was sent last arrives in the log a little later. */
const LOG_LAG_MS = 100;
const LOOK_MS = 20;
const QUIET_TIMEOUT_MS = 900_000;

export interface PairTerms {
  readonly name: string;
  readonly folder: string;
  readonly container: string;
  readonly store?: string;
  readonly versioned?: boolean;
}

export interface Stage {
  readonly dir: string;
  readonly swift: CountedSwift | null;
  readonly fleet: TestFleet;
  readonly operator: Operator;
  readonly databaseUrl: string;
  /** A new empty folder. */
  folder(name: string): Promise<string>;
  addStore(
    name: string,
    kind: StoreKind,
    url: string,
    secret: Readonly<Record<string, string>>,
  ): Promise<void>;
  addPair(terms: PairTerms): Promise<void>;
  /** Asks for a full scan and poll, and waits until both are done and everything is carried out. */
  sync(pair: string): Promise<void>;
  /** Waits until nothing is a candidate and no decision is pending. @throws Error after the time, of a quarter of an hour if none is given. */
  untilQuiet(pair: string, timeoutMs?: number): Promise<void>;
  /** @param counted what the store was asked; default: of the Swift. */
  measureFleet(work: () => Promise<unknown>, counted?: Counted): Promise<Cost>;
  /** Work that this process does itself. */
  measureHere(work: () => Promise<unknown>): Promise<Cost>;
  measureCommand(
    command: string,
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): Promise<Cost>;
}

export interface StageOptions {
  /** More settings of the fleet. */
  readonly env?: Readonly<Record<string, string>>;
  readonly withSwift: boolean;
  /** A folder for the CPU profile of each process; the slowest statements are told then, too. */
  readonly profile?: string | undefined;
}

const TOLD_STATEMENTS = 12;

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT } as unknown as Log;

export async function openStage(
  undoing: LastFirst,
  { env = {}, withSwift, profile }: StageOptions,
): Promise<Stage> {
  const dir = await benchDirectory(undoing, 'holdfast-bench-');
  const postgres = await benchPostgres(undoing, dir);
  const redis = await benchRedis(undoing, dir);
  const swift = withSwift ? await countedSwift(undoing, dir) : null;
  const settings = {
    HOLDFAST_QUEUE_PREFIX: `bench-${process.pid}`,
    ...(profile === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` }),
    ...env,
  };
  const fleet = await startFleet(undoing, { databaseUrl: postgres.url, redisUrl: redis.url, env: settings });
  // Only a process that ends by itself writes its profile.
  if (profile !== undefined)
    undoing.after(async () => void (await Promise.all(APPS.map((app) => fleet.signal(app, 'SIGTERM')))));
  const own: Fleet = await openFleet({
    config: loadConfig({ DATABASE_URL: postgres.url, REDIS_URL: redis.url, ...settings }),
    log: SILENT,
  });
  undoing.after(() => own.close());
  const watch = new pg.Client({ connectionString: postgres.url });
  // A connection that ended fails the next question, which is caught where a workload fails.
  watch.on('error', () => {});
  await watch.connect();
  undoing.after(() => watch.end());

  const pids = (): number[] => APPS.flatMap((app) => fleet.pids(app));
  const logged = async (
    counted: Counted | undefined = swift?.requests,
  ): Promise<Pick<Cost, 'requests' | 'sentBytes'>> => {
    await delay(LOG_LAG_MS);
    return { requests: counted?.byMethod ?? {}, sentBytes: counted?.sentBytes ?? 0 };
  };
  const isQuiet = async (pair: string, scan: string, poll: string): Promise<boolean> => {
    const { rows } = await watch.query<{ bench_is_quiet: boolean }>(QUIET, [pair, scan, poll]);
    return rows[0]?.bench_is_quiet === true;
  };
  const wait = async (
    pair: string,
    scan: string,
    poll: string,
    timeoutMs = QUIET_TIMEOUT_MS,
  ): Promise<void> => {
    const until = performance.now() + timeoutMs;
    while (!(await isQuiet(pair, scan, poll))) {
      if (performance.now() > until) throw new Error(`${pair} is not quiet:\n${await fleet.logTail()}`);
      await delay(LOOK_MS);
    }
  };
  const stage: Stage = {
    dir,
    swift,
    fleet,
    operator: own.operator,
    databaseUrl: postgres.url,
    folder: async (name) => {
      const path = join(dir, 'folders', name);
      await mkdir(path, { recursive: true });
      return path;
    },
    addStore: async (name, kind, url, secret) => {
      const reference: SecretReference = { from: 'file', at: await secretFile(fleet, secret) };
      await own.operator.storeAdd({ name, kind, url, secret: reference, options: {}, check: true });
    },
    addPair: async ({ name, folder, container, store = SWIFT, versioned = true }) => {
      await own.operator.pairAdd({
        name,
        folder,
        store,
        container,
        volume: 'default',
        excludes: [],
        policies: [],
        versioning: versioned,
        create: true,
        retention: { days: null, bytes: null },
      });
    },
    sync: async (pair) => {
      const ticket = await own.operator.sync(pair);
      await wait(pair, ticket.scan, ticket.poll);
    },
    untilQuiet: (pair, timeoutMs) => wait(pair, '0', '0', timeoutMs),
    measureFleet: async (work, counted = swift?.requests) => {
      for (const pid of pids()) await resetPeak(pid);
      await resetStatements(postgres.url);
      counted?.reset();
      const readings = (): Promise<readonly number[]> =>
        Promise.all([
          ...APPS.map((app) => cpuSeconds(fleet.pids(app))),
          cpuSeconds([postgres.pid]),
          cpuSeconds([redis.pid]),
        ]);
      const before = await readings();
      const wallSeconds = await timed(work);
      const spent = (await readings()).map((seconds, index) => seconds - (before[index] ?? 0));
      const cpuSecondsOf = Object.fromEntries(APPS.map((app, index) => [app, spent[index] ?? 0]));
      const peaks: Record<string, number> = {};
      for (const app of APPS)
        peaks[app] = Math.round(Math.max(...(await Promise.all(fleet.pids(app).map(peakMiB)))));
      const told = profile === undefined ? [] : await slowestStatements(postgres.url, TOLD_STATEMENTS);
      for (const line of told) process.stdout.write(`      ${line}\n`);
      return {
        wallSeconds,
        cpuSeconds: Object.values(cpuSecondsOf).reduce((sum, seconds) => sum + seconds, 0),
        peakMiB: Math.max(...Object.values(peaks)),
        ...(await logged(counted)),
        fleet: {
          databaseCpuSeconds: spent.at(-2) ?? 0,
          queueCpuSeconds: spent.at(-1) ?? 0,
          statements: (await countStatements(postgres.url)).statements,
          peakMiB: peaks,
          cpuSecondsOf,
        },
      };
    },
    measureHere: async (work) => {
      swift?.requests.reset();
      const before = process.cpuUsage();
      const wallSeconds = await timed(work);
      const { user, system } = process.cpuUsage(before);
      const peak = process.memoryUsage.rss() / 2 ** 20;
      return { wallSeconds, cpuSeconds: (user + system) / 1e6, peakMiB: peak, ...(await logged()) };
    },
    measureCommand: async (command, args, given = {}) => {
      swift?.requests.reset();
      const cost = await runCommand(command, args, given);
      return { ...cost, ...(await logged()) };
    },
  };
  if (swift !== null)
    await stage.addStore(SWIFT, 'swift', swift.authUrl, { user: swift.user, key: swift.key });
  return stage;
}

/** Cheap enough to ask fifty times a second: probes of partial indexes. */
const QUIET = `
SELECT p.scan_done >= greatest($2::bigint, 1) AND p.poll_done >= greatest($3::bigint, 1)
  AND NOT EXISTS (SELECT FROM entry e WHERE e.pair_id = p.id AND e.candidate_sides <> 0 AND e.decision_action IS NULL)
  AND NOT EXISTS (SELECT FROM entry e WHERE e.pair_id = p.id AND e.decision_turn <= 4 AND e.held_until IS NULL)
  AND NOT EXISTS (SELECT FROM entry e WHERE e.pair_id = p.id AND e.decision_cleared AND e.held_until IS NULL)
  AND NOT EXISTS (SELECT FROM entry e WHERE e.pair_id = p.id AND e.decision_action >= 3 AND NOT e.decision_cleared)
  AND NOT EXISTS (SELECT FROM entry e WHERE e.pair_id = p.id AND e.held_until IS NOT NULL) AS bench_is_quiet
FROM pair p WHERE p.name = $1`;
