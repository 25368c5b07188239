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

/** Something dies; `back` makes it live again. */
type Strike = (stage: Stage) => Promise<{ back(): Promise<void> }>;

interface Fault {
  readonly title: string;
  readonly files: number;
  readonly strike: Strike;
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

const FAULTS: readonly Fault[] = [
  ...APPS.map((app) => ({ title: `a killed ${app} loses nothing`, files: 2_000, strike: kill(app) })),
  {
    title: 'a Redis that is emptied loses nothing',
    files: 2_000,
    strike: outage(async ({ redis }) => {
      const client = new Redis(redis.url);
      await client.flushall();
      client.disconnect();
      return { back: async () => {} };
    }),
  },
  {
    title: 'a Redis that is killed and starts again empty loses nothing',
    files: 2_000,
    strike: outage(async ({ redis }) => {
      await redis.kill();
      return { back: () => redis.restart() };
    }),
  },
  {
    title: 'a PostgreSQL that is killed and starts again loses nothing',
    files: 2_000,
    strike: outage(async ({ postgres }) => {
      await postgres.kill9();
      return { back: () => postgres.start() };
    }),
  },
  {
    title: 'a Redis that is away for ten seconds loses nothing',
    files: 800,
    strike: outage(async ({ redis }) => {
      await redis.kill();
      return {
        back: async () => {
          await delay(10_000);
          await redis.restart();
        },
      };
    }),
  },
  { title: 'all four processes killed at once lose nothing', files: 800, strike: kill(...APPS) },
];

async function surviveFault(stage: Stage, { files, strike }: Fault): Promise<void> {
  const last = files / 10;
  await write(stage, 0, files - last);
  await untilInFlight(stage, files / 10);
  const { back } = await strike(stage);
  await write(stage, files - last, files);
  await back();
  await assertNothingLost(stage);
}

describe('faults while files are in flight', () => {
  for (const fault of FAULTS) {
    it(`${fault.title} on Pithos`, { timeout: 300_000 }, async (t) => {
      const ends = lastFirst(t);
      await surviveFault(await openStage(ends, await openRawPithos(ends, LATENCY_MS)), fault);
    });
  }

  it('all four processes killed at once lose nothing on Swift', { timeout: 300_000 }, async (t) => {
    const ends = lastFirst(t);
    const upstream = await openRawSwiftContainer(ends);
    if (upstream === null) {
      t.skip('no Swift on this machine');
      return;
    }
    await surviveFault(await openStage(ends, upstream), { title: '', files: 400, strike: kill(...APPS) });
  });
});

describe('processes that are asked to stop while files are in flight', () => {
  it('each drains within its time, and the others finish', { timeout: 300_000 }, async (t) => {
    const ends = lastFirst(t);
    const counts = { watcher: 2, poller: 2, decider: 2, transfer: 2 };
    const stage = await openStage(ends, await openRawPithos(ends, LATENCY_MS), { counts });
    await write(stage, 0, 500);
    await untilInFlight(stage, 50);
    const codes = await Promise.all(APPS.map((app) => stage.fleet.signal(app, 'SIGTERM', 1)));
    // A process that is not gone after 15 s stops itself with another code.
    assert.deepEqual(codes, [[0], [0], [0], [0]]);
    assert.equal(pids(stage).length, APPS.length);
    await assertNothingLost(stage);
  });
});
