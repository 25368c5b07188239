import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HoldfastError } from '#ports/errors.ts';
import { dropLeftUploads } from '#steps/left-uploads.ts';
import { SILENT } from '#test/store-swift/fixtures.ts';

const HOUR_MS = 3_600_000;

test('uploads to which nothing was added for a day are dropped, every six hours', async () => {
  const asked: number[] = [];
  const store = { dropLeftUploads: async (before: number) => void asked.push(before) };
  let lookedAt: number | null = null;
  for (const hour of [100, 103, 105, 106, 111, 112]) {
    lookedAt = await dropLeftUploads(store, lookedAt, hour * HOUR_MS, SILENT);
  }
  assert.deepEqual(asked, [76 * HOUR_MS, 82 * HOUR_MS, 88 * HOUR_MS]);
});

test('a store that refuses to drop uploads ends no poll', async () => {
  const refusal = new HoldfastError('credentials-refused', 'this is not allowed');
  const store = { dropLeftUploads: () => Promise.reject(refusal) };
  assert.equal(await dropLeftUploads(store, null, 5, SILENT), 5);
});
