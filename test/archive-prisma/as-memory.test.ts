/** The memory database answers as a real PostgreSQL does, whatever calls are made in whatever order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { newPair } from '#test/conformance/archive-fixtures.ts';
import { seeded } from '#test/core/seed.ts';
import { openMemoryDatabase } from '#test/memory/open-database.ts';
import { rounds } from './archive-calls.ts';
import { Player } from './archive-player.ts';
import { openFixture } from './fixtures.ts';

test('any calls in any order are answered the same', async (t) => {
  const fixture = await openFixture(t);
  const { registry } = fixture;
  let run = 0;
  await fc.assert(
    fc.asyncProperty(rounds, async (played) => {
      run += 1;
      const pair = await registry.addPair(newPair(fixture.pair.store.id, `run-${run}`));
      const real = new Player({ ...fixture, pair });
      const memory = new Player(await openMemoryDatabase());
      try {
        for (const round of played) {
          for (const call of round) assert.deepEqual(await memory.play(call), await real.play(call));
          assert.deepEqual(await memory.account(), await real.account());
        }
      } finally {
        await registry.removePair(pair.id);
      }
    }),
    seeded(t, 25),
  );
});
