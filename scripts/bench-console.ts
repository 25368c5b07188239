/**
 * npm run bench:console: how long pages and API calls take with a large fleet, over HTTP, one
 * after the other, as the page asks them. The whole of a page is its frame and its first calls.
 *
 *   --pairs N     how many pairs (10,000)
 *   --events N    rows of history (1,000,000)
 *   --rounds N    how often everything is asked (40)
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { migrate } from '#libs/archive-prisma/migrate.ts';
import { account, startConsole } from '#test/support/console.ts';
import { fillFleet } from '#test/support/large-fleet.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { benchDirectory, benchPostgres, benchRedis } from './bench/services.ts';

const LIMIT_MS = 200;
const WARM_ROUNDS = 3;

/** What is asked, by the name that the report gives it; `#` is replaced by the number of a pair. */
const ASKED: Readonly<Record<string, string>> = {
  'frame of every page': '/',
  'fleet in numbers': '/api/v1/fleet',
  throughput: '/api/v1/throughput',
  'first page of pairs': '/api/v1/pairs',
  'page of pairs in the middle': '/api/v1/pairs?from=pair-#',
  'pairs by a part of the name': '/api/v1/pairs?search=99',
  'pairs by what no name has': '/api/v1/pairs?search=nothing-like-it',
  'paused pairs': '/api/v1/pairs?condition=paused',
  'syncing pairs': '/api/v1/pairs?condition=syncing',
  'pairs in sync': '/api/v1/pairs?condition=in-sync',
  'disabled pairs': '/api/v1/pairs?condition=disabled',
  'pairs with held deletes': '/api/v1/pairs?condition=deletes-held',
  'syncing pairs with problems': '/api/v1/pairs?condition=syncing&problems=true',
  'pairs with problems': '/api/v1/pairs?problems=true',
  pair: '/api/v1/pairs/pair-#',
  'pair, live': '/api/v1/pairs/pair-#/live',
  timeline: '/api/v1/pairs/pair-#/history',
  'timeline of a name': '/api/v1/pairs/pair-#/history?path=file-7',
  why: '/api/v1/pairs/pair-#/why?path=file-7',
  conflicts: '/api/v1/pairs/pair-#/conflicts',
  'problems of a pair': '/api/v1/pairs/pair-#/problems',
  'problems of all': '/api/v1/problems',
  'problems of all, of one code': '/api/v1/problems?code=store-quota',
  'codes of all problems': '/api/v1/problem-codes',
  'held deletes': '/api/v1/pairs/pair-#/deletes',
  trash: '/api/v1/pairs/pair-#/trash',
  workers: '/api/v1/workers',
  actions: '/api/v1/actions',
  stores: '/api/v1/stores',
  'metrics of the fleet': '/metrics',
};

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '10000' },
    events: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '40' },
  },
});
const pairs = Number(values.pairs);
const undoing = new LastFirst();
try {
  process.exitCode = (await bench()) ? 0 : 1;
} finally {
  await undoing.undo();
}

async function bench(): Promise<boolean> {
  const { url, token } = await openLarge();
  const times = new Map<string, number[]>(Object.keys(ASKED).map((what) => [what, []]));
  for (let round = -WARM_ROUNDS; round < Number(values.rounds); round += 1) {
    for (const [what, path] of Object.entries(ASKED)) {
      const number = 1 + (((round + WARM_ROUNDS) * 7_919) % pairs);
      const took = await timeOf(`${url}${path.replace('#', String(number).padStart(5, '0'))}`, token);
      if (round >= 0) times.get(what)?.push(took);
    }
  }
  let isMet = true;
  for (const [what, taken] of times) {
    const [median, most] = [quantile(taken, 0.5), quantile(taken, 0.95)];
    isMet &&= most < LIMIT_MS;
    console.log(
      `${what.padEnd(32)} median ${median.toFixed(0).padStart(5)} ms   95 % ${most.toFixed(0).padStart(5)} ms`,
    );
  }
  console.log(isMet ? `everything within ${LIMIT_MS} ms` : `NOT everything within ${LIMIT_MS} ms`);
  return isMet;
}

async function openLarge(): Promise<{ readonly url: string; readonly token: string }> {
  const dir = await benchDirectory(undoing, 'holdfast-bench-console-');
  const postgres = await benchPostgres(undoing, dir);
  const redis = await benchRedis(undoing, dir);
  await migrate(postgres.url);
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await fillFleet(client, { pairs, events: Number(values.events) });
  await client.end();
  const home = await mkdtemp(join(tmpdir(), 'holdfast-bench-accounts-'));
  undoing.after(() => rm(home, { recursive: true, force: true }));
  const accounts = join(home, 'accounts.json');
  const token = await account(accounts, ['token', 'bench', '--role', 'viewer']);
  const settings = { databaseUrl: postgres.url, redisUrl: redis.url, queuePrefix: 'bench', accounts };
  const { url } = await startConsole(undoing, settings);
  return { url, token };
}

async function timeOf(url: string, token: string): Promise<number> {
  const startedAt = performance.now();
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}: ${text}`);
  return performance.now() - startedAt;
}

function quantile(taken: readonly number[], share: number): number {
  const sorted = taken.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
