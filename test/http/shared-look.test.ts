/** Shared look: an answer is never older than the question. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SharedLook } from '#libs/http/shared-look.ts';

/** Looks that end when the test says so. */
function slowLooks() {
  const begun: PromiseWithResolvers<string>[] = [];
  const shared = new SharedLook(() => {
    const look = Promise.withResolvers<string>();
    begun.push(look);
    return look.promise;
  });
  const nth = async (index: number): Promise<PromiseWithResolvers<string>> => {
    while (begun[index] === undefined) await Promise.resolve();
    return begun[index];
  };
  return { shared, begun, nth };
}

describe('shared look', () => {
  it('answers all who asked before it began', async () => {
    const { shared, begun, nth } = slowLooks();
    const answers = [shared.look(), shared.look()];
    (await nth(0)).resolve('first');
    assert.deepEqual(await Promise.all(answers), ['first', 'first']);
    assert.equal(begun.length, 1);
  });

  it('answers nobody who asked while it was under way', async () => {
    const { shared, begun, nth } = slowLooks();
    const early = shared.look();
    const first = await nth(0);
    const late = [shared.look(), shared.look()];
    first.resolve('before');
    assert.equal(await early, 'before');
    (await nth(1)).resolve('after');
    assert.deepEqual(await Promise.all(late), ['after', 'after']);
    assert.equal(begun.length, 2);
  });

  it('that fails tells all who share it, and the next one is another', async () => {
    const { shared, nth } = slowLooks();
    const shares = [shared.look(), shared.look()];
    const waiting = nth(0).then((first) => {
      const late = shared.look();
      first.reject(new Error('gone'));
      return late;
    });
    for (const share of shares) await assert.rejects(share, /gone/);
    (await nth(1)).resolve('back');
    assert.equal(await waiting, 'back');
  });
});
