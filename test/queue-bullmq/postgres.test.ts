import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually, jobQueueSuite, newPrefix } from '#test/conformance/job-queue.ts';
import { relayTo } from '#test/support/relay.ts';
import { ownPostgres, testDatabase } from '#test/support/services.ts';
import { openForTest } from './open-for-test.ts';

jobQueueSuite('PostgreSQL', async (t) => ({ databaseUrl: await testDatabase(t) }));

describe('job queue on a PostgreSQL server', () => {
  it('lets several processes prepare one database at once', async (t) => {
    const databaseUrl = await testDatabase(t);
    const prefix = newPrefix();
    const queues = await Promise.all([1, 2, 3, 4].map(() => openForTest({ databaseUrl }, prefix)));
    t.after(() => Promise.all(queues.map((queue) => queue.close())));
    assert.equal(await queues[0]?.continuity(), 'lost');
  });

  it('goes on after the server was killed and started again', { timeout: 90_000 }, async (t) => {
    const server = await ownPostgres(t);
    const queue = await openForTest({ databaseUrl: server.url }, newPrefix());
    t.after(() => queue.close());
    assert.equal(await queue.continuity(), 'lost');
    let wakes = 0;
    queue.consumeCandidates('v1', { concurrency: 1 }, async () => {
      wakes += 1;
    });
    await queue.wake('v1', 1);
    await eventually('a job ran before', () => wakes === 1);
    await server.kill9();
    await assert.rejects(queue.wake('v1', 1), { code: 'queue-unreachable' });
    await server.start();
    await eventually('it answers again', () =>
      queue.ping().then(
        () => true,
        () => false,
      ),
    );
    assert.equal(await queue.continuity(), 'kept');
    await queue.wake('v1', 1);
    await eventually('jobs run again', () => wakes === 2);
  });

  it('works once the server is back that was away when a worker and a queue first asked for it', async (t) => {
    const relay = await relayTo(t, await testDatabase(t));
    const queue = await openForTest({ databaseUrl: relay.url }, newPrefix());
    t.after(() => queue.close());
    await relay.away();
    let wakes = 0;
    queue.consumeCandidates('v1', { concurrency: 1 }, async () => {
      wakes += 1;
    });
    await assert.rejects(queue.wake('v1', 1), { code: 'queue-unreachable' });
    await relay.back();
    await eventually('jobs are added again', () =>
      queue.wake('v1', 1).then(
        () => true,
        () => false,
      ),
    );
    await eventually('jobs run', () => wakes === 1);
  });

  it('says where it looked for PostgreSQL, without the password', async () => {
    await assert.rejects(
      openForTest({ databaseUrl: 'postgresql://u:sesame@127.0.0.1:1/x' }, 'p'),
      (error: Error) => {
        assert.match(error.message, /127\.0\.0\.1:1 .*ECONNREFUSED.*DATABASE_URL/);
        assert.doesNotMatch(error.message, /sesame/);
        return true;
      },
    );
  });
});
