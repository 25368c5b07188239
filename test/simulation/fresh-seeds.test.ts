/** Other seeds every time: each run of the tests looks where none has looked. */
import { test } from 'node:test';
import { assertSeedsHold } from './play-in-test.ts';

test('the whole engine keeps all invariants on fresh seeds', async (t) => {
  await assertSeedsHold(t, 1_000_000 + Math.floor(Math.random() * 2_000_000_000));
});
