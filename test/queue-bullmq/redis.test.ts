import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { depthOf, eventually, jobQueueSuite, newPrefix } from '#test/conformance/job-queue.ts';
import { ownRedis, testRedisUrl } from '#test/support/services.ts';
import { type LoggedLine, openForTest } from './open-for-test.ts';

jobQueueSuite('Redis', async () => ({ redisUrl: await testRedisUrl() }));

describe('job queue on Redis', () => {
  it('keeps nothing of jobs that ended, well or badly', async (t) => {
    const redisUrl = await testRedisUrl();
    const prefix = newPrefix();
    const queue = await openForTest({ redisUrl }, prefix);
    const client = new Redis(redisUrl);
    t.after(async () => {
      client.disconnect();
      await queue.close();
    });
    let runs = 0;
    queue.consumeCandidates('v1', { concurrency: 1 }, async ({ pairId }) => {
      runs += 1;
      if (pairId === 1) throw new Error('no such luck');
    });
    await queue.wake('v1', 1);
    await queue.wake('v1', 2);
    await eventually('both ran', () => runs === 2);
    const ofJobs = `${prefix}:candidates.v1:[0-9]*`;
    await eventually('their keys are gone', async () => (await client.keys(ofJobs)).length === 0);
  });
});

describe('job queue on a Redis that fails', () => {
  it('goes on after its contents were flushed, and tells one asker', async (t) => {
    const redis = await ownRedis(t);
    const prefix = newPrefix();
    const queue = await openForTest({ redisUrl: redis.url }, prefix);
    const other = await openForTest({ redisUrl: redis.url }, prefix);
    t.after(() => Promise.all([queue.close(), other.close()]));
    await queue.continuity();
    let wakes = 0;
    let polls = 0;
    queue.consumeCandidates('v1', { concurrency: 2 }, async ({ pairId }) => {
      wakes += 1;
      if (pairId === 1) await sleep(600);
    });
    queue.consumePolls({ concurrency: 1 }, async () => {
      polls += 1;
    });
    await queue.schedulePoll(7, 200);
    await queue.wake('v1', 1);
    await eventually('a job is running', () => wakes === 1 && polls > 0);
    await flush(redis.url);
    assert.deepEqual((await Promise.all([queue.continuity(), other.continuity()])).sort(), ['kept', 'lost']);
    await other.wake('v1', 2);
    await eventually('a new job arrives', () => wakes === 2);
    // The running job's keys are gone; its pair can be woken nevertheless.
    await sleep(800);
    await other.wake('v1', 1);
    await eventually('the same pair is woken again', () => wakes === 3);
    assert.deepEqual(await queue.pollSchedules(), new Map());
    const before = polls;
    await queue.schedulePoll(7, 200);
    await eventually('the schedule runs again', () => polls > before);
  });

  it('goes on after Redis was killed and started empty on the same port', { timeout: 60_000 }, async (t) => {
    const redis = await ownRedis(t);
    const lines: LoggedLine[] = [];
    const queue = await openForTest({ redisUrl: redis.url }, newPrefix(), lines);
    t.after(() => queue.close());
    await queue.continuity();
    let wakes = 0;
    let transfers = 0;
    queue.consumeCandidates('v1', { concurrency: 1 }, async () => {
      wakes += 1;
    });
    queue.consumeTransfers('v1', { concurrency: 1 }, async () => {
      transfers += 1;
    });
    await queue.transfer('v1', [{ pairId: 1, items: [], priority: 1 }]);
    await eventually('a job ran before', () => transfers === 1);
    await redis.kill();
    await assert.rejects(queue.wake('v1', 1), (error: Error) => {
      assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${redis.port} .*start Redis`));
      return 'code' in error && error.code === 'queue-unreachable';
    });
    await redis.restart();
    await eventually('it answers again', () =>
      queue.ping().then(
        () => true,
        () => false,
      ),
    );
    assert.equal(await queue.continuity(), 'lost');
    await queue.wake('v1', 1);
    await queue.transfer('v1', [
      { pairId: 1, items: [], priority: 1 },
      { pairId: 2, items: [], priority: 1 },
    ]);
    await eventually('jobs run again', () => wakes === 1 && transfers === 3);
    assert.ok(lines.length < 20, `${lines.length} lines were logged`);
  });

  it('keeps jobs, schedules and continuity over a restart with an append-only file', async (t) => {
    const redis = await ownRedis(t, { appendonly: true });
    const queue = await openForTest({ redisUrl: redis.url }, newPrefix());
    t.after(() => queue.close());
    await queue.continuity();
    await queue.wake('v1', 1);
    await queue.schedulePoll(7, 5_000);
    await redis.restart();
    await eventually('it answers again', () =>
      queue.ping().then(
        () => true,
        () => false,
      ),
    );
    assert.equal(await queue.continuity(), 'kept');
    assert.equal(await depthOf(queue, 'candidates.v1', 'waiting'), 1);
    assert.deepEqual(await queue.pollSchedules(), new Map([[7, 5_000]]));
  });

  it('closes within its budget while Redis is gone', async (t) => {
    const redis = await ownRedis(t);
    const queue = await openForTest({ redisUrl: redis.url }, newPrefix());
    let isRunning = false;
    const consumer = queue.consumeCandidates('v1', { concurrency: 1 }, async () => {
      isRunning = true;
      await sleep(200);
    });
    await queue.wake('v1', 1);
    await eventually('a job is running', () => isRunning);
    await redis.kill();
    await consumer.drain(300);
    await queue.close();
  });

  it('says where it looked for Redis, without the password', async () => {
    await assert.rejects(openForTest({ redisUrl: 'redis://:sesame@127.0.0.1:1/0' }, 'p'), (error: Error) => {
      assert.match(error.message, /127\.0\.0\.1:1 .*ECONNREFUSED.*REDIS_URL/);
      assert.doesNotMatch(error.message, /sesame/);
      return true;
    });
    await assert.rejects(openForTest({ redisUrl: 'sesame' }, 'p'), { code: 'configuration-invalid' });
  });
});

async function flush(url: string): Promise<void> {
  const client = new Redis(url);
  await client.flushall();
  client.disconnect();
}
