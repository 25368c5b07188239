/** Delete hold: which counts let deletes go, make them wait, or hold them until an operator answers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  areFewDeletes,
  type DeleteCounts,
  type DeleteHoldPolicy,
  type DeleteVerdict,
  fleetStop,
  judgeDeletes,
  quietTimes,
  type RenameCounts,
  settlesInMs,
  type WaitingSides,
} from '#core/delete-hold.ts';

const POLICY: DeleteHoldPolicy = {
  percent: 25,
  names: 50,
  windowMs: 86_400_000,
  quiet: { local: 2_000, remote: 7_500, doubt: 5_000 },
  fleetPairs: 3,
  fleetWindowMs: 3_600_000,
};

const NONE: DeleteCounts = {
  waiting: 0,
  deleted: 0,
  suspects: 0,
  names: 0,
  isEmptied: false,
  isUndecided: false,
};

function verdict(counts: DeleteCounts, renames: RenameCounts): DeleteVerdict {
  return areFewDeletes(counts, POLICY) ? 'go' : judgeDeletes(counts, renames, POLICY);
}

interface Case {
  readonly title: string;
  readonly counts: Partial<DeleteCounts>;
  readonly renames?: Partial<RenameCounts>;
  readonly verdict: DeleteVerdict;
}

const CASES: readonly Case[] = [
  { title: 'a single delete goes', counts: { waiting: 1, names: 1_000 }, verdict: 'go' },
  { title: 'fifty names of sixty go', counts: { waiting: 50, names: 60 }, verdict: 'go' },
  { title: 'fifty-one names of sixty are held', counts: { waiting: 51, names: 60 }, verdict: 'hold' },
  { title: 'a quarter goes', counts: { waiting: 250, names: 1_000 }, verdict: 'go' },
  { title: 'more than a quarter is held', counts: { waiting: 251, names: 1_000 }, verdict: 'hold' },
  {
    title: 'what went within the window counts with what waits',
    counts: { waiting: 1, deleted: 250, names: 1_000 },
    verdict: 'hold',
  },
  {
    title: 'everything is held, however few names it is',
    counts: { waiting: 5, isEmptied: true },
    verdict: 'hold',
  },
  { title: 'the last four names go', counts: { waiting: 4, isEmptied: true }, verdict: 'go' },
  {
    title: 'the last of names that went one by one goes',
    counts: { waiting: 1, deleted: 30, isEmptied: true },
    verdict: 'go',
  },
  {
    title: 'deletes wait while names are looked at that would make them a mass delete',
    counts: { waiting: 10, suspects: 300, names: 1_000 },
    verdict: 'wait',
  },
  {
    title: 'deletes wait while everything else is looked at',
    counts: { waiting: 1, suspects: 29, isEmptied: true },
    verdict: 'wait',
  },
  {
    title: 'deletes do not wait for names that would not make them a mass delete',
    counts: { waiting: 10, suspects: 100, names: 1_000 },
    verdict: 'go',
  },
  {
    title: 'a mass delete is held while further names are looked at',
    counts: { waiting: 300, suspects: 300, names: 1_000 },
    verdict: 'hold',
  },
  {
    title: 'a mass delete waits for what was marked before it and may make it a rename',
    counts: { waiting: 300, names: 1_000, isUndecided: true },
    verdict: 'wait',
  },
  {
    title: 'a renamed tree goes',
    counts: { waiting: 300, names: 300, isEmptied: true },
    renames: { certain: 300 },
    verdict: 'go',
  },
  {
    title: 'renames do not hide the deletes among them',
    counts: { waiting: 600, names: 1_000 },
    renames: { certain: 300 },
    verdict: 'hold',
  },
  {
    title: 'deletes that may be renames wait until that is known',
    counts: { waiting: 300, names: 1_000 },
    renames: { certain: 40, possible: 100 },
    verdict: 'wait',
  },
  {
    title: 'deletes that may be renames do not keep the others from being held',
    counts: { waiting: 600, names: 1_000 },
    renames: { possible: 300 },
    verdict: 'hold',
  },
];

describe('deletes of a pair', () => {
  for (const { title, counts, renames, verdict: expected } of CASES) {
    it(title, () => {
      assert.equal(verdict({ ...NONE, ...counts }, { certain: 0, possible: 0, ...renames }), expected);
    });
  }
});

describe('deletes settle', () => {
  const ages = (youngestMs: number, oldestMs = youngestMs) => ({ youngestMs, oldestMs });
  for (const [title, waiting, go, hold] of [
    ['soon after the last one here', { local: ages(500), remote: null }, 1_500, 6_500],
    ['after more than one poll upstream', { local: null, remote: ages(500) }, 7_000, 12_000],
    ['when both sides have', { local: ages(1_900), remote: ages(5_000) }, 2_500, 7_500],
    ['at last, though each is followed by another', { local: ages(100, 59_000), remote: null }, 1_000, 1_000],
    ['and then go on', { local: ages(100, 61_000), remote: null }, 0, 0],
  ] as const satisfies readonly (readonly [string, WaitingSides, number, number])[]) {
    it(title, () => {
      assert.deepEqual(
        [settlesInMs(waiting, POLICY.quiet, 'go'), settlesInMs(waiting, POLICY.quiet, 'hold')],
        [go, hold],
      );
    });
  }

  it('with quiet times that follow how files settle and containers are polled', () => {
    assert.deepEqual(quietTimes(1_000, 5_000), { local: 2_000, remote: 7_500, doubt: 5_000 });
    assert.deepEqual(quietTimes(200, 500), { local: 2_000, remote: 2_000, doubt: 5_000 });
    assert.deepEqual(quietTimes(10_000, 60_000), { local: 11_000, remote: 90_000, doubt: 5_000 });
  });
});

describe('the deletes of all pairs', () => {
  const stopping = (sinces: readonly number[], more: Partial<DeleteHoldPolicy> = {}) =>
    fleetStop(
      sinces.map((since, pairId) => ({ pairId, since })),
      { ...POLICY, ...more },
    ).map(({ pairId }) => pairId);
  const HOUR = 3_600_000;

  it('stop when as many pairs as that are held within the window', () => {
    assert.deepEqual(stopping([0, HOUR]), []);
    assert.deepEqual(stopping([0, HOUR, HOUR / 2]), [0, 2, 1]);
  });

  it('go on for holds that have nothing to do with each other', () => {
    assert.deepEqual(stopping([0, HOUR, 2 * HOUR, 3 * HOUR]), []);
  });

  it('stay stopped while as many are unanswered, however long ago', () => {
    assert.deepEqual(stopping([0, 1, 2, 100 * HOUR]), [0, 1, 2]);
  });

  it('never stop when no number is set', () => {
    assert.deepEqual(stopping([0, 1, 2, 3, 4], { fleetPairs: 0 }), []);
  });
});
