import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoffMs, RETRY_BACKOFF } from '#core/backoff.ts';
import { seeded } from './seed.ts';

test('the delay doubles with each attempt up to its limit', () => {
  const policy = { firstMs: 100, maxMs: 1000 };
  const longest = [1, 2, 3, 4, 5, 6].map((attempt) => backoffMs(policy, attempt, 0.999999));
  assert.deepEqual(longest, [100, 200, 400, 800, 1000, 1000]);
});

test('the delay is spread over its upper half', (t) => {
  const uniform = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), uniform, (attempt, random) => {
      const full = backoffMs(RETRY_BACKOFF, attempt, 1);
      const delay = backoffMs(RETRY_BACKOFF, attempt, random);
      assert.ok(Number.isSafeInteger(delay));
      assert.ok(delay >= full / 2 && delay <= full);
      assert.ok(full <= RETRY_BACKOFF.maxMs && full >= RETRY_BACKOFF.firstMs);
    }),
    seeded(t, 1000),
  );
});
