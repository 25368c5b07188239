/**
 * Stand: services, a fleet of several processes of each kind, and many pairs on one Pithos.
 * Pairs are added through the operator's use case, as the command line would.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { openFleet } from '#libs/compose/fleet.ts';
import { loadConfig } from '#libs/config/load.ts';
import type { FleetFigures } from '#ports/figures.ts';
import type { Log } from '#ports/log.ts';
import type { Operator } from '#ports/operator.ts';
import { type App, secretFile, startFleet, type TestFleet } from '#test/support/fleet.ts';
import type { LastFirst } from '#test/support/last-first.ts';
import { benchDirectory, benchPithos, benchPostgres, benchRedis } from '../bench/services.ts';

export const USER = { token: 'soak-token', userId: 'soak' };
const PREFIX = 'soak';
const ADDED_AT_ONCE = 6;

export interface Stand {
  readonly dir: string;
  readonly fleet: TestFleet;
  /** Login URL of the store. */
  readonly pithosUrl: string;
  readonly pairs: readonly string[];
  folderOf(pair: string): string;
  figures(): Promise<FleetFigures>;
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<readonly Row[]>;
}

export const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT };

/** @param ports takes the metrics port of each process that is started, with its kind. */
export async function openStand(
  undoing: LastFirst,
  count: number,
  counts: Readonly<Record<App, number>>,
  ports: (app: App) => number,
): Promise<Stand> {
  const dir = await benchDirectory(undoing, 'holdfast-soak-');
  const postgres = await benchPostgres(undoing, dir);
  const redis = await benchRedis(undoing, dir);
  const pithosUrl = await benchPithos(undoing, join(dir, 'pithos'), USER);
  const fleet = await startFleet(undoing, {
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    counts,
    // As it comes, compiled as in the image, but for names that must not clash and the time that tests leave a writer.
    env: {
      HOLDFAST_QUEUE_PREFIX: PREFIX,
      HOLDFAST_SETTLE_MS: '1000',
      NODE_COMPILE_CACHE: join(dir, 'compiled'),
    },
    envOf: (app) => ({ HOLDFAST_HTTP_PORT: String(ports(app)) }),
  });
  const env = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, HOLDFAST_QUEUE_PREFIX: PREFIX };
  const own = await openFleet({ config: loadConfig(env), log: SILENT });
  undoing.after(() => own.close());
  const pool = new pg.Pool({ connectionString: postgres.url, max: 2 });
  undoing.after(() => pool.end());
  const secret = { from: 'file', at: await secretFile(fleet, { token: USER.token }) } as const;
  await own.operator.storeAdd({
    name: 'store',
    kind: 'pithos',
    url: pithosUrl,
    secret,
    options: {},
    check: true,
  });
  const pairs = Array.from({ length: count }, (_, index) => `pair-${String(index).padStart(4, '0')}`);
  const folderOf = (pair: string): string => join(dir, 'homes', pair);
  await addPairs(own.operator, pairs, folderOf);
  return {
    dir,
    fleet,
    pithosUrl,
    pairs,
    folderOf,
    figures: () => own.database.figures(),
    query: async <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []) =>
      (await pool.query<Row>(sql, values)).rows,
  };
}

async function addPairs(
  operator: Operator,
  pairs: readonly string[],
  folderOf: (pair: string) => string,
): Promise<void> {
  const left = [...pairs];
  const work = async (): Promise<void> => {
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      await mkdir(folderOf(name), { recursive: true });
      await operator.pairAdd({
        name,
        folder: folderOf(name),
        store: 'store',
        container: name,
        volume: 'default',
        excludes: [],
        policies: [],
        versioning: true,
        create: true,
        retention: { days: null, bytes: null },
      });
    }
  };
  await Promise.all(Array.from({ length: ADDED_AT_ONCE }, work));
}

/** Waits until nothing is undone in any pair and each was scanned and polled. @throws Error after the time */
export async function untilInSync(stand: Stand, timeoutMs: number): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const [row] = await stand.query<{ open: number }>(
      'SELECT count(*)::int AS open FROM pair WHERE scan_done < scan_wanted OR poll_done < poll_wanted',
    );
    const { lagsMs, problems } = await stand.figures();
    if (row?.open === 0 && lagsMs.length === 0) return Math.round((performance.now() - startedAt) / 100) / 10;
    if (performance.now() - startedAt > timeoutMs)
      throw new Error(
        `${row?.open} pairs unread, ${lagsMs.length} behind, problems ${JSON.stringify(problems)}\n${await stand.fleet.logTail()}`,
      );
    await delay(500);
  }
}
