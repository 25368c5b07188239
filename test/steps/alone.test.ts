/** Jobs of one pair that overlap: one looks, and learns that others came. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Alone } from '#steps/alone.ts';

test('work on a pair that is under way is left to it, other pairs go on', async () => {
  const alone = new Alone();
  let end = (): void => {};
  const first = alone.on(1, () => new Promise<string>((resolve) => (end = () => resolve('first'))));
  assert.equal(await alone.on(1, async () => 'second'), null);
  assert.deepEqual(await alone.on(2, async () => 'other'), { result: 'other', askedMeanwhile: false });
  end();
  assert.deepEqual(await first, { result: 'first', askedMeanwhile: true });
  assert.deepEqual(await alone.on(1, async () => 'third'), { result: 'third', askedMeanwhile: false });
});

test('work that fails leaves the pair to the next', async () => {
  const alone = new Alone();
  await assert.rejects(
    alone.on(1, () => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.deepEqual(await alone.on(1, async () => 'next'), { result: 'next', askedMeanwhile: false });
});
