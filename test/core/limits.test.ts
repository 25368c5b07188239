import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Bucket,
  FORGIVEN_MS,
  fullLevel,
  grantBytes,
  LONGEST_ASKED_MS,
  LONGEST_PAUSE_MS,
  type Pause,
  pauseAfter,
  take,
} from '#core/limits.ts';

describe('bucket', () => {
  it('is full at first, and gives what it holds at once', () => {
    assert.equal(take(null, 100, 50, 0).waitMs, 0);
    assert.equal(take(null, 100, 51, 0).waitMs, 10);
  });

  it('saves up no more than that, however long nobody takes', () => {
    assert.equal(take({ level: 0, at: 0 }, 100, 51, 1_000_000).waitMs, 10);
  });

  it('lets at least one through at any rate', () => {
    assert.equal(take(null, 0.1, 1, 0).waitMs, 0);
    assert.equal(fullLevel(0.1), 1);
  });

  it('over any time gives its rate and no more than what it saved, whoever takes how much', () => {
    for (const [takers, amount, rate] of [
      [4, 64, 5_000],
      [1, 4_096, 1_000],
      [16, 1, 10],
    ] as const) {
      let bucket: Bucket | null = null;
      let taken = 0;
      const freeAt = Array.from({ length: takers }, () => 0);
      const endAt = 60_000;
      for (let now = 0; now <= endAt; now += 1) {
        for (let taker = 0; taker < takers; taker += 1) {
          if ((freeAt[taker] as number) > now) continue;
          const each = take(bucket, rate, amount, now);
          bucket = each.bucket;
          freeAt[taker] = now + each.waitMs;
          taken += amount;
          if (each.waitMs === 0) taker -= 1;
        }
      }
      const allowed = (rate * endAt) / 1_000;
      assert.ok(taken >= allowed, `${taken} of ${allowed} were taken`);
      assert.ok(taken <= allowed + fullLevel(rate) + takers * amount, `${taken} instead of ${allowed}`);
    }
  });

  it('keeps a debt when the rate changes, and fills nothing when the clock goes back', () => {
    const owed = take(null, 10, 105, 0);
    assert.equal(owed.waitMs, 10_000);
    assert.equal(take(owed.bucket, 100, 0, 0).waitMs, 1_000);
    assert.equal(take(owed.bucket, 10, 0, -5_000).waitMs, 10_000);
    assert.equal(take(take(owed.bucket, 10, 0, -5_000).bucket, 10, 0, 4_000).waitMs, 6_000);
  });
});

it('grants are small at low rates and bounded at high ones', () => {
  assert.deepEqual([1, 1_000_000, 5_242_880, 1e9].map(grantBytes), [4_096, 15_625, 81_920, 262_144]);
});

describe('pause', () => {
  it('is what the store asked for, within reason', () => {
    assert.equal(pauseAfter(null, 7_000, 100).until, 7_100);
    assert.equal(pauseAfter(null, 1e12, 0).until, LONGEST_ASKED_MS);
    assert.equal(pauseAfter(pauseAfter(null, 7_000, 0), 1_000, 100).until, 7_000);
  });

  it('grows when the store refuses again after it, and not with refusals under way', () => {
    let pause: Pause = pauseAfter(null, null, 0);
    assert.equal(pause.until, 500);
    assert.equal(pauseAfter(pause, null, 499), pause);
    pause = pauseAfter(pause, null, 500);
    assert.equal(pause.until, 1_500);
    assert.equal(pauseAfter(pause, null, pause.until + FORGIVEN_MS).strikes, 1);
    for (let times = 0; times < 50; times += 1) pause = pauseAfter(pause, null, pause.until);
    assert.equal(pauseAfter(pause, null, pause.until).until - pause.until, LONGEST_PAUSE_MS);
  });
});
