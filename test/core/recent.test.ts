/** Recent: the latest are kept, and no more than so many. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Recent } from '#core/recent.ts';

test('the oldest is forgotten, and what is set again is the latest', () => {
  const recent = new Recent<number>(2);
  recent.set('a', 1);
  recent.set('b', 2);
  recent.set('a', 3);
  recent.set('c', 4);
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => recent.get(key)),
    [3, undefined, 4],
  );
});
