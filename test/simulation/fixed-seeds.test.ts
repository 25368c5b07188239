/** The same seeds every time: what once held goes on holding. */
import { test } from 'node:test';
import { assertSeedsHold } from './play-in-test.ts';

test('the whole engine keeps all invariants on the first seeds', async (t) => {
  await assertSeedsHold(t, 1);
});
