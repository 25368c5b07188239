// The promises of the job queue port, to be run against every server it can live on.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { toName } from '#core/name.ts';
import { toSerial } from '#core/serial.ts';
import type { QueueServer } from '#libs/queue-bullmq/open.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import { type LoggedLine, openForTest } from '#test/queue-bullmq/open-for-test.ts';

const HOLDER = join(import.meta.dirname, '../queue-bullmq/holder.ts');

export type ServerOfTest = (t: TestContext) => Promise<QueueServer>;

export function newPrefix(): string {
  return `t${randomBytes(5).toString('hex')}`;
}

/** Polls until the claim holds; fails with its text after 20 s. */
export async function eventually(text: string, claim: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await claim())) {
    if (Date.now() > deadline) assert.fail(`not within 20 s: ${text}`);
    await sleep(20);
  }
}

export async function depthOf(queue: JobQueue, name: string, state: string): Promise<number> {
  const depths = await queue.depths();
  return depths.find((row) => row.queue === name && row.state === state)?.jobs ?? 0;
}

/** A promise that the test settles. */
function gate(): { open(): void; readonly opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}

interface Fixture {
  readonly queue: JobQueue;
  readonly lines: LoggedLine[];
  readonly server: QueueServer;
  readonly prefix: string;
  again(): Promise<JobQueue>;
}

async function open(t: TestContext, serverOf: ServerOfTest): Promise<Fixture> {
  const server = await serverOf(t);
  const prefix = newPrefix();
  const lines: LoggedLine[] = [];
  const queues: JobQueue[] = [];
  t.after(() => Promise.all(queues.map((queue) => queue.close())));
  const again = async () => {
    const queue = await openForTest(server, prefix, lines);
    queues.push(queue);
    return queue;
  };
  return { queue: await again(), lines, server, prefix, again };
}

export function jobQueueSuite(title: string, serverOf: ServerOfTest): void {
  describe(`job queue on ${title}`, () => {
    wakeTests(serverOf);
    transferTests(serverOf);
    pollTests(serverOf);
    scheduleTests(serverOf);
    drainTests(serverOf);
    processTests(serverOf);
  });
}

function wakeTests(serverOf: ServerOfTest): void {
  it('adds no wake while one waits, except a forced one', async (t) => {
    const { queue } = await open(t, serverOf);
    for (let count = 0; count < 3; count += 1) await queue.wake('v1', 7);
    await queue.wake('v1', 8);
    assert.equal(await depthOf(queue, 'candidates.v1', 'waiting'), 2);
    await queue.wake('v1', 7, { force: true });
    assert.equal(await depthOf(queue, 'candidates.v1', 'waiting'), 3);
  });

  it('runs once more after the active job when woken meanwhile', async (t) => {
    const { queue } = await open(t, serverOf);
    const release = gate();
    let runs = 0;
    let atOnce = 0;
    let most = 0;
    queue.consumeCandidates('v1', { concurrency: 4 }, async () => {
      runs += 1;
      atOnce += 1;
      most = Math.max(most, atOnce);
      await release.opened;
      atOnce -= 1;
    });
    await queue.wake('v1', 7);
    await eventually('the first run began', () => runs === 1);
    for (let count = 0; count < 3; count += 1) await queue.wake('v1', 7);
    release.open();
    await eventually('the second run began', () => runs === 2);
    await sleep(300);
    assert.deepEqual({ runs, most }, { runs: 2, most: 1 });
  });

  it('keeps a delayed wake apart from an immediate one', async (t) => {
    const { queue } = await open(t, serverOf);
    const runs: number[] = [];
    await queue.wake('v1', 7, { delayMs: 400 });
    await queue.wake('v1', 7, { delayMs: 60_000 });
    await queue.wake('v1', 7);
    assert.equal(await depthOf(queue, 'candidates.v1', 'waiting'), 1);
    queue.consumeCandidates('v1', { concurrency: 1 }, async ({ pairId }) => {
      runs.push(pairId);
    });
    await eventually('both ran', () => runs.length === 2);
    assert.equal(await depthOf(queue, 'candidates.v1', 'delayed'), 1);
  });

  it('loses the job of a handler that throws and takes the next wake', async (t) => {
    const { queue, lines } = await open(t, serverOf);
    let runs = 0;
    const release = gate();
    queue.consumeCandidates('v1', { concurrency: 1 }, async () => {
      runs += 1;
      if (runs === 1) await release.opened;
      throw new Error('no such luck');
    });
    await queue.wake('v1', 7);
    await eventually('the first run began', () => runs === 1);
    await queue.wake('v1', 7);
    release.open();
    await eventually('a wake during the failing run is kept', () => runs === 2);
    await eventually('nothing stays', async () => (await depthOf(queue, 'candidates.v1', 'active')) === 0);
    await queue.wake('v1', 7);
    await eventually('a wake after it is taken', () => runs === 3);
    assert.ok(lines.some(({ level, fields }) => level === 'error' && fields['error'] !== undefined));
  });

  it('refuses the name of a volume that no queue can have', async (t) => {
    const { queue } = await open(t, serverOf);
    await assert.rejects(queue.wake('a:b', 7), { code: 'usage' });
  });
}

function transferTests(serverOf: ServerOfTest): void {
  it('brings names and serials unchanged, lower priorities first', async (t) => {
    const { queue } = await open(t, serverOf);
    const item = (name: string, serial: bigint) => ({ name: toName(name), serial: toSerial(serial) });
    const late = { pairId: 1, items: [item('a/ü ☃', 9_007_199_254_740_993n), item('b', 2n)] };
    const early = { pairId: 2, items: [item('c', 3n)] };
    await queue.transfer('v1', [
      { ...late, priority: 20 },
      { ...early, priority: 1 },
    ]);
    const got: unknown[] = [];
    queue.consumeTransfers('v1', { concurrency: 1 }, async (job) => {
      got.push(job);
    });
    await eventually('both arrived', () => got.length === 2);
    assert.deepEqual(got, [early, late]);
  });

  it('keeps volumes apart', async (t) => {
    const { queue } = await open(t, serverOf);
    await queue.transfer('v1', [{ pairId: 1, items: [], priority: 1 }]);
    let runs = 0;
    queue.consumeTransfers('v2', { concurrency: 1 }, async () => {
      runs += 1;
    });
    await sleep(300);
    assert.equal(runs, 0);
    assert.equal(await depthOf(queue, 'transfer.v1', 'prioritized'), 1);
  });
}

function pollTests(serverOf: ServerOfTest): void {
  it('polls once more when asked during a poll', async (t) => {
    const { queue } = await open(t, serverOf);
    const release = gate();
    let runs = 0;
    queue.consumePolls({ concurrency: 4 }, async () => {
      runs += 1;
      await release.opened;
    });
    await queue.pollNow(7);
    await eventually('the first poll began', () => runs === 1);
    await queue.pollNow(7);
    await queue.pollNow(7);
    release.open();
    await eventually('the second poll began', () => runs === 2);
    await sleep(300);
    assert.equal(runs, 2);
  });

  it('does not poll a pair twice at once when polls take longer than their interval', async (t) => {
    const { queue } = await open(t, serverOf);
    let atOnce = 0;
    let most = 0;
    let runs = 0;
    queue.consumePolls({ concurrency: 8 }, async () => {
      runs += 1;
      atOnce += 1;
      most = Math.max(most, atOnce);
      await sleep(500);
      atOnce -= 1;
    });
    await queue.schedulePoll(7, 100);
    await eventually('some polls ended', () => runs >= 3);
    await queue.unschedulePoll(7);
    assert.equal(most, 1);
  });
}

function scheduleTests(serverOf: ServerOfTest): void {
  it('polls first after the interval and then at each interval', async (t) => {
    const { queue } = await open(t, serverOf);
    await queue.schedulePoll(7, 700);
    assert.equal(await depthOf(queue, 'poll', 'delayed'), 1);
    assert.equal(await depthOf(queue, 'poll', 'waiting'), 0);
    let runs = 0;
    queue.consumePolls({ concurrency: 1 }, async () => {
      runs += 1;
    });
    await eventually('it repeats', () => runs >= 3);
    await queue.unschedulePoll(7);
    await eventually('nothing is left', async () => (await depthOf(queue, 'poll', 'delayed')) === 0);
    assert.deepEqual(await queue.pollSchedules(), new Map());
  });

  it('leaves a schedule alone when the interval is the same', async (t) => {
    const { queue } = await open(t, serverOf);
    await queue.schedulePoll(7, 1_500);
    let runs = 0;
    queue.consumePolls({ concurrency: 1 }, async () => {
      runs += 1;
    });
    // Starting anew each time would put the poll off for ever.
    const asking = new AbortController();
    const asked = (async () => {
      while (!asking.signal.aborted) {
        await queue.schedulePoll(7, 1_500);
        await sleep(100);
      }
    })();
    await eventually('it ran nevertheless', () => runs >= 1);
    asking.abort();
    await asked;
    assert.equal(await depthOf(queue, 'poll', 'delayed'), 1);
  });

  it('takes another interval from within a poll, neither doubling nor losing the schedule', async (t) => {
    const { queue } = await open(t, serverOf);
    let runs = 0;
    queue.consumePolls({ concurrency: 2 }, async ({ pairId }) => {
      runs += 1;
      await queue.schedulePoll(pairId, runs % 2 === 0 ? 300 : 400);
    });
    await queue.schedulePoll(7, 300);
    for (let reached = 2; reached <= 6; reached += 2) {
      await eventually('it goes on', () => runs >= reached);
      assert.ok((await depthOf(queue, 'poll', 'delayed')) <= 1);
    }
    assert.deepEqual([...(await queue.pollSchedules()).keys()], [7]);
    await queue.unschedulePoll(7);
  });

  it('tells the schedules of all pairs', async (t) => {
    const { queue, again } = await open(t, serverOf);
    await queue.schedulePoll(7, 5_000);
    await queue.schedulePoll(12, 5_000);
    await queue.schedulePoll(12, 60_000);
    const other = await again();
    assert.deepEqual(
      [...(await other.pollSchedules())].sort((a, b) => a[0] - b[0]),
      [
        [7, 5_000],
        [12, 60_000],
      ],
    );
  });
}

function drainTests(serverOf: ServerOfTest): void {
  it('lets a running job end within the budget and takes no other', async (t) => {
    const { queue } = await open(t, serverOf);
    const begun = gate();
    const ended: number[] = [];
    const consumer = queue.consumeCandidates('v1', { concurrency: 1 }, async ({ pairId }, signal) => {
      begun.open();
      await sleep(400);
      assert.equal(signal.aborted, false);
      ended.push(pairId);
    });
    await queue.wake('v1', 1);
    await begun.opened;
    await queue.wake('v1', 2);
    await consumer.drain(10_000);
    assert.deepEqual(ended, [1]);
    assert.equal(await depthOf(queue, 'candidates.v1', 'waiting'), 1);
  });

  it('aborts a job after the budget and gives it to another consumer', async (t) => {
    const { queue, again } = await open(t, serverOf);
    const begun = gate();
    let isAborted = false;
    const consumer = queue.consumeCandidates('v1', { concurrency: 1 }, async (_job, signal) => {
      begun.open();
      await once(signal, 'abort');
      isAborted = true;
      throw new Error('stopped');
    });
    await queue.wake('v1', 1);
    await begun.opened;
    await consumer.drain(100);
    assert.equal(isAborted, true);
    const other = await again();
    let runs = 0;
    other.consumeCandidates('v1', { concurrency: 1 }, async () => {
      runs += 1;
    });
    await eventually('the other consumer got it', () => runs === 1);
  });

  it('gives up a job that does not listen to its signal, and it runs again elsewhere', async (t) => {
    const { queue, again } = await open(t, serverOf);
    const begun = gate();
    const consumer = queue.consumeCandidates('v1', { concurrency: 1 }, async () => {
      begun.open();
      await new Promise(() => {});
    });
    await queue.wake('v1', 1);
    await begun.opened;
    await consumer.drain(100);
    const other = await again();
    let runs = 0;
    other.consumeCandidates('v1', { concurrency: 1 }, async () => {
      runs += 1;
    });
    await eventually('the other consumer got it', () => runs === 1);
  });
}

function processTests(serverOf: ServerOfTest): void {
  it('answers lost to exactly one of several askers, then kept', async (t) => {
    const { queue, again } = await open(t, serverOf);
    const others = await Promise.all([again(), again(), again()]);
    const answers = await Promise.all([queue, ...others].map((asker) => asker.continuity()));
    assert.deepEqual(answers.sort(), ['kept', 'kept', 'kept', 'lost']);
    assert.equal(await queue.continuity(), 'kept');
  });

  it('gives the job of killed processes to a third one', { timeout: 60_000 }, async (t) => {
    const { queue, server, prefix } = await open(t, serverOf);
    await queue.wake('v1', 7);
    for (let kill = 0; kill < 2; kill += 1) {
      const child = spawn(process.execPath, [HOLDER, 'hold', JSON.stringify(server), prefix]);
      await once(child.stdout, 'data');
      // A wake that finds the dead worker's job active must not get stuck behind it.
      if (kill === 1) await queue.wake('v1', 7);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    let runs = 0;
    queue.consumeCandidates('v1', { concurrency: 1 }, async () => {
      runs += 1;
    });
    await eventually('the job and the wake after it ran here', () => runs === 2);
    await eventually('nothing stays', async () => (await depthOf(queue, 'candidates.v1', 'active')) === 0);
  });

  it('lets the process end by itself after close', { timeout: 30_000 }, async (t) => {
    const { queue, server, prefix } = await open(t, serverOf);
    await queue.wake('v1', 7);
    const child = spawn(process.execPath, [HOLDER, 'close', JSON.stringify(server), prefix]);
    t.after(() => child.kill('SIGKILL'));
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
  });
}
