/**
 * npm run soak:fleet: many pairs in one fleet, under load, while every process is restarted, a
 * watcher is killed and a worker is added. Says what it measured; fails when a change was lost,
 * a job failed, or a time was missed.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePortRange } from '#libs/services/processes.ts';
import type { App } from '#test/support/fleet.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { cpuSeconds } from './bench/processes.ts';
import { type Load, startLoad } from './soak/load.ts';
import { openStand, type Stand, untilInSync } from './soak/stand.ts';

const COUNTS: Readonly<Record<App, number>> = { watcher: 2, poller: 2, decider: 2, transfer: 4 };
const SETTLED_MS = 600_000;
/** What issue and design promise. */
const MOST_LIVE_SECONDS = 30;
const MOST_JOIN_SECONDS = 5;
/** Longer than the longest interval between two polls of a pair: by then each change upstream was listed. */
const POLLED_MS = 70_000;
/** So many files of one moment keep four workers busy for longer than another one needs to start. */
const BURST = 6_000;
const POLL_MS = 100;
const IDLE_MS = 20_000;
const UNDER_LOAD_MS = 5_000;

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '1000' },
    rate: { type: 'string', default: '20' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write('Usage: npm run soak:fleet -- [--pairs 1000] [--rate 20 changes a second]\n');
  process.exit(0);
}

const seconds = (since: number): number => Math.round((performance.now() - since) / 100) / 10;
const say = (text: string): void => void process.stdout.write(`${text}\n`);
const missed: string[] = [];
const ports: { readonly app: App; readonly port: number }[] = [];

const undoing = new LastFirst();
try {
  await soak(await openFleetStand());
} finally {
  await undoing.undo();
}
for (const text of missed) say(`MISSED: ${text}`);
process.exitCode = missed.length === 0 ? 0 : 1;

async function openFleetStand(): Promise<Stand> {
  const first = await freePortRange(64);
  const startedAt = performance.now();
  const stand = await openStand(undoing, Number(values.pairs), COUNTS, (app) => {
    const port = first + ports.length;
    ports.push({ app, port });
    return port;
  });
  say(`${stand.pairs.length} pairs added in ${seconds(startedAt)} s`);
  say(`in sync after ${await untilInSync(stand, SETTLED_MS)} s more`);
  return stand;
}

async function soak(stand: Stand): Promise<void> {
  await measureIdle(stand);
  const load = startLoad(stand, Number(values.rate), Math.random);
  await delay(UNDER_LOAD_MS);
  await restartAll(stand);
  await killWatcher(stand, load);
  await addWorker(stand, load);
  await load.stop();
  say(`in sync ${await untilInSync(stand, SETTLED_MS)} s after the last of ${load.changes} changes`);
  await delay(POLLED_MS);
  await untilInSync(stand, SETTLED_MS);
  const wrong = await load.check();
  say(`lost, different or too much: ${wrong.length}`);
  missed.push(...wrong.slice(0, 20));
  const log = await readFile(join(stand.fleet.dir, 'fleet.log'), 'utf8');
  const failed = log.split('\n').filter((line) => line.includes('"a job failed'));
  say(`jobs that failed: ${failed.length}`);
  missed.push(...failed.slice(0, 5));
}

/** What the fleet costs while nobody writes: the least that a machine must have to spare. */
async function measureIdle({ fleet, pairs }: Stand): Promise<void> {
  const apps = Object.keys(COUNTS) as App[];
  const cpu = () => Promise.all(apps.map((app) => cpuSeconds(fleet.pids(app))));
  const before = await cpu();
  await delay(IDLE_MS);
  const after = await cpu();
  const peaks = await fleet.peakMiB();
  for (const [index, app] of apps.entries()) {
    const share = (((after[index] ?? 0) - (before[index] ?? 0)) / (IDLE_MS / 1_000)) * 100;
    say(
      `${pairs.length} idle pairs: ${COUNTS[app]} ${app} at ${share.toFixed(1)} % of a core, ${peaks[app]} MiB at most`,
    );
  }
}

/** One process after the other is asked to drain, and another one started in its place. */
async function restartAll({ fleet, figures }: Stand): Promise<void> {
  const startedAt = performance.now();
  let worstLagMs = 0;
  for (const [app, count] of Object.entries(COUNTS) as [App, number][]) {
    for (let each = 0; each < count; each += 1) {
      const codes = await fleet.signal(app, 'SIGTERM', 1);
      if (codes.some((code) => code !== 0)) missed.push(`a ${app} that was asked to drain exited ${codes}`);
      await fleet.start(app);
      worstLagMs = Math.max(worstLagMs, (await figures()).lagsMs.at(-1) ?? 0);
    }
  }
  say(
    `all ${ports.length / 2} processes restarted in ${seconds(startedAt)} s; the oldest undone change seen meanwhile was ${Math.round(worstLagMs / 100) / 10} s old`,
  );
}

/** A file is saved in every pair of the watcher at the moment it dies; the pairs live again when each has reached its container. */
async function killWatcher(stand: Stand, load: Load): Promise<void> {
  const [pid = 0] = stand.fleet.pids('watcher');
  const held = await stand.query<{ name: string }>(
    'SELECT name FROM pair WHERE lease_owner LIKE $1 ORDER BY name',
    [`%-${pid}-%`],
  );
  await stand.fleet.signal('watcher', 'SIGKILL', 1);
  const killedAt = performance.now();
  for (const { name } of held) await load.write(name, 'alive.txt', `saved when watcher ${pid} was dead`);
  const half = { at: 0 };
  for (;;) {
    const [row] = await stand.query<{ there: number }>(
      `SELECT count(*)::int AS there FROM entry e JOIN pair p ON p.id = e.pair_id
       WHERE p.name = ANY($1::text[]) AND e.name = 'alive.txt' AND e.sync_kind = 1`,
      [held.map(({ name }) => name)],
    );
    if (half.at === 0 && (row?.there ?? 0) >= held.length / 2) half.at = seconds(killedAt);
    if (row?.there === held.length) break;
    if (seconds(killedAt) > 10 * MOST_LIVE_SECONDS) {
      missed.push(`after ${seconds(killedAt)} s only ${row?.there} of ${held.length} pairs live`);
      break;
    }
    await delay(POLL_MS);
  }
  const took = seconds(killedAt);
  say(
    `a watcher with ${held.length} pairs was killed: half of them live after ${half.at} s, all after ${took} s`,
  );
  if (took > MOST_LIVE_SECONDS)
    missed.push(`all pairs of a dead watcher lived after ${took} s, not ${MOST_LIVE_SECONDS} s`);
  await stand.fleet.start('watcher');
}

async function addWorker(stand: Stand, load: Load): Promise<void> {
  const perPair = Math.ceil(BURST / stand.pairs.length);
  for (const pair of stand.pairs)
    for (let each = 0; each < perPair; each += 1)
      await load.write(pair, `burst-${each}.txt`, `${pair} ${each}`);
  const startedAt = performance.now();
  const ready = stand.fleet.start('transfer');
  const { port = 0 } = ports.at(-1) ?? {};
  let took = 0;
  while (took === 0) {
    const text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
      (answer) => answer.text(),
      () => '',
    );
    const jobs = /holdfast_job_wait_seconds_count\{queue="transfer\.default"\} (\d+)/.exec(text)?.[1] ?? '0';
    if (Number(jobs) > 0) took = seconds(startedAt);
    else if (seconds(startedAt) > 60) break;
    else await delay(POLL_MS);
  }
  await ready;
  if (took === 0) {
    missed.push('a worker that was added took no job within 60 s');
    return;
  }
  say(`a worker was added to a backlog: its first job was taken ${took} s after it was started`);
  if (took > MOST_JOIN_SECONDS)
    missed.push(`a worker that was added took its first job after ${took} s, not ${MOST_JOIN_SECONDS} s`);
}
