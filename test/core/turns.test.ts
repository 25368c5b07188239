import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mapToEnd } from '#core/map-limit.ts';
import { Turns } from '#core/turns.ts';

const soon = () => new Promise<void>((resolve) => setImmediate(resolve));

test('no more than the limit run at once, in the order they asked, also after failures', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  const results = await Promise.allSettled(
    [0, 1, 2, 3, 4, 5].map((item) =>
      turns.run(async () => {
        begun.push(item);
        running += 1;
        most = Math.max(most, running);
        await soon();
        running -= 1;
        if (item % 2 === 0) throw new Error('failed');
        return item;
      }),
    ),
  );
  assert.deepEqual([most, begun], [2, [0, 1, 2, 3, 4, 5]]);
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 3);
});

test('a rejection is told when what is under way has ended, and nothing more is begun', async () => {
  const ended: number[] = [];
  const run = async (item: number): Promise<void> => {
    if (item === 0) throw new Error('the first');
    await soon();
    ended.push(item);
  };
  await assert.rejects(mapToEnd([0, 1, 2, 3, 4], 3, run), /the first/);
  assert.deepEqual(ended, [1, 2]);
});
