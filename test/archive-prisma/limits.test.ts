/** The limit book on a real PostgreSQL. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeLimitBook } from '#test/conformance/limits.ts';
import { openFixture } from './fixtures.ts';

describeLimitBook(async (t) => {
  const { limits, registry, pair } = await openFixture(t);
  return { book: limits, registry, pair };
});

it('processes that work on stores share limits', async (t) => {
  const { limits, overview } = await openFixture(t);
  const process = {
    host: 'here',
    pid: 1,
    version: '1',
    volumes: [],
    startedAt: new Date(),
    concurrency: 1,
    busy: 0,
    holds: 0,
    pairs: [],
    rss: 1,
    loopLagMs: 0,
  };
  for (const app of ['watcher', 'poller', 'decider', 'transfer', 'console'])
    await overview.report({ ...process, id: app, app });
  assert.deepEqual(await limits.read(), { rules: [], processes: 3 });
});
