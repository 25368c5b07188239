/**
 * Kills: whatever dies while files are on their way, nothing is lost, nothing is there twice,
 * and nobody has to do anything. A killed process is started again at once, as a supervisor
 * would; the last files are made while it is gone, so that no event ever tells of them.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { App } from '#test/support/fleet.ts';
import { lastFirst } from '#test/support/last-first.ts';
import { assertNothingLost, openStage, type Stage, untilInFlight, write } from './in-flight.ts';
import { openRawPithos, openRawSwiftContainer } from './raw-container.ts';

const APPS: readonly App[] = ['watcher', 'poller', 'decider', 'transfer'];
const LATENCY_MS = 15;
/** Until the last fault every request takes so long that a fast machine is not done before it. */
const STRIKING_LATENCY_MS = 400;
/** So many are done before the first fault, and from one to the next, at the pace of that latency. */
const MOST_BETWEEN = 80;
const TIMEOUT_MS = 720_000;

/** Something dies; `back` makes it live again. */
type Strike = (stage: Stage) => Promise<{ back(): Promise<void> }>;

interface Run {
  readonly title: string;
  readonly files: number;
  readonly strikes: readonly Strike[];
}

const kill =
  (...apps: App[]): Strike =>
  async ({ fleet }) => {
    await Promise.all(apps.map((app) => fleet.signal(app, 'SIGKILL')));
    return { back: async () => void (await Promise.all(apps.map((app) => fleet.start(app)))) };
  };

/** The processes live on: an outage of what they need is no reason to die. */
const outage =
  (strike: Strike): Strike =>
  async (stage) => {
    const before = pids(stage);
    const { back } = await strike(stage);
    return {
      back: async () => {
        await back();
        await delay(1_000);
        assert.deepEqual(pids(stage), before, 'no process died of it');
      },
    };
  };

const pids = ({ fleet }: Stage): number[] => APPS.flatMap((app) => fleet.pids(app));

const flushed: Strike = outage(async ({ redis }) => {
  const client = new Redis(redis.url);
  await client.flushall();
  client.disconnect();
  return { back: async () => {} };
});

const restartedEmpty: Strike = outage(async ({ redis }) => {
  await redis.kill();
  return { back: () => redis.restart() };
});

const awayTenSeconds: Strike = outage(async ({ redis }) => {
  await redis.kill();
  return {
    back: async () => {
      await delay(10_000);
      await redis.restart();
    },
  };
});

const databaseKilled: Strike = outage(async ({ postgres }) => {
  await postgres.kill9();
  return { back: () => postgres.start() };
});

/** Several strikes of one run follow each other while the same files are in flight. */
const RUNS: readonly Run[] = [
  {
    title: 'each of the four processes killed in turn loses nothing',
    files: 2_000,
    strikes: APPS.map((app) => kill(app)),
  },
  {
    title:
      'a Redis emptied, then killed and started empty, and a PostgreSQL killed and started again lose nothing',
    files: 1_000,
    strikes: [flushed, restartedEmpty, databaseKilled],
  },
  { title: 'a Redis that is away for ten seconds loses nothing', files: 400, strikes: [awayTenSeconds] },
  { title: 'all four processes killed at once lose nothing', files: 400, strikes: [kill(...APPS)] },
];

/** All that is to be in flight is made while the pair is paused, or the first files would be done before the last are there. */
async function writePaused(stage: Stage, files: number): Promise<void> {
  await stage.fleet.json('pair', 'pause', 'pair');
  await write(stage, 0, files);
}

async function surviveStrikes(
  stage: Stage,
  { files, strikes }: Omit<Run, 'title'>,
  pace: (latencyMs: number) => void,
): Promise<void> {
  const slice = files / 20;
  let written = files - slice * strikes.length;
  await writePaused(stage, written);
  pace(STRIKING_LATENCY_MS);
  await stage.fleet.json('pair', 'resume', 'pair');
  for (const [index, strike] of strikes.entries()) {
    await untilInFlight(stage, (index + 1) * Math.min(MOST_BETWEEN, files / 10));
    const { back } = await strike(stage);
    await write(stage, written, written + slice);
    written += slice;
    await back();
  }
  pace(LATENCY_MS);
  await assertNothingLost(stage);
}

describe('faults while files are in flight', () => {
  for (const run of RUNS) {
    it(`${run.title} on Pithos`, { timeout: TIMEOUT_MS }, async (t) => {
      const ends = lastFirst(t);
      const upstream = await openRawPithos(ends, LATENCY_MS);
      await surviveStrikes(await openStage(ends, upstream), run, upstream.pace);
    });
  }

  it('all four processes killed at once lose nothing on Swift', { timeout: TIMEOUT_MS }, async (t) => {
    const ends = lastFirst(t);
    const upstream = await openRawSwiftContainer(ends);
    if (upstream === null) {
      t.skip('no Swift on this machine');
      return;
    }
    // A real Swift sets the pace itself.
    await surviveStrikes(await openStage(ends, upstream), { files: 500, strikes: [kill(...APPS)] }, () => {});
  });
});

describe('processes that are asked to stop while files are in flight', () => {
  it('each drains within its time, and the others finish', { timeout: TIMEOUT_MS }, async (t) => {
    const ends = lastFirst(t);
    const counts = { watcher: 2, poller: 2, decider: 2, transfer: 2 };
    const upstream = await openRawPithos(ends, LATENCY_MS);
    const stage = await openStage(ends, upstream, { counts });
    await writePaused(stage, 400);
    upstream.pace(STRIKING_LATENCY_MS);
    await stage.fleet.json('pair', 'resume', 'pair');
    await untilInFlight(stage, 50);
    const codes = await Promise.all(APPS.map((app) => stage.fleet.signal(app, 'SIGTERM', 1)));
    upstream.pace(LATENCY_MS);
    // A process that is not gone after 15 s stops itself with another code.
    assert.deepEqual(codes, [[0], [0], [0], [0]]);
    assert.equal(pids(stage).length, APPS.length);
    await assertNothingLost(stage);
  });
});
