/**
 * Conformance under races: another writer acts between decision and commit. Afterwards every
 * content is at a name, a conflict copy, behind a recovery pointer, or still with its source,
 * which a `stale` outcome says (invariants 1 and 5). A store that owns up to an unprotected
 * window is excused from what falls into that window.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Name, toName } from '#core/name.ts';
import { ABSENT, type RemoteState } from '#core/state.ts';
import type { CommitOutcome } from '#ports/commit.ts';
import type { OpenedStore, OpenStore } from './object-store.ts';
import { assertApplied, bytesAt, create, orderFor, reachable, staged } from './object-store-fixtures.ts';

const NAME: Name = toName('raced.txt');
const OLD = Buffer.from('old content');
const OURS = Buffer.from('our content, longer');
const THEIRS = Buffer.from('their content');
const ROUNDS = 6;

export function describeRaces(open: OpenStore): void {
  describe('races', () => {
    describeDuringUpload(open);
    describeAtOnce(open);
  });
}

function describeDuringUpload(open: OpenStore): void {
  for (const base of [null, OLD]) {
    const what = base === null ? 'a create' : 'a replace';

    it(`loses nothing when another writer writes during ${what}`, async (t) => {
      const opened = await open(t);
      const expected = base === null ? ABSENT : await create(opened, NAME, base);
      const content = staged(opened, OURS, { beforeLast: () => opened.other.put(NAME, THEIRS) });
      const outcome = await opened.store.pull(NAME, content, orderFor(NAME, expected));
      await assertNothingLost(opened, outcome);
    });
  }

  it('loses nothing when another writer removes during a replace', async (t) => {
    const opened = await open(t);
    const expected = await create(opened, NAME, OLD);
    const content = staged(opened, OURS, { beforeLast: () => opened.other.remove(NAME) });
    const outcome = await opened.store.pull(NAME, content, orderFor(NAME, expected));
    if (outcome.result === 'applied') assert.equal(await bytesAt(opened, NAME), OURS.toString());
    else assert.equal(outcome.result, 'stale');
  });
}

function describeAtOnce(open: OpenStore): void {
  it('loses nothing when two workers create different contents at once', async (t) => {
    const opened = await open(t);
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = toName(`created-${round}`);
      const outcomes = await pullBoth(opened, name, ABSENT);
      await assertBothSurvive(opened, name, outcomes);
    }
  });

  it('loses nothing when two workers replace with different contents at once', async (t) => {
    const opened = await open(t);
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = toName(`replaced-${round}`);
      const outcomes = await pullBoth(opened, name, await create(opened, name, OLD));
      await assertBothSurvive(opened, name, outcomes);
    }
  });

  it('loses nothing when a raw writer writes at the same time', async (t) => {
    const opened = await open(t);
    if (opened.store.capabilities.unprotectedWindow) return t.skip('this store has an unprotected window');
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = toName(`raw-${round}`);
      const expected = await create(opened, name, OLD);
      const [outcome] = await Promise.all([
        opened.store.pull(name, staged(opened, OURS), orderFor(name, expected)),
        opened.other.put(name, THEIRS),
      ]);
      await assertReachable(opened, name, [outcome], [THEIRS]);
    }
  });

  it('loses nothing when a raw writer writes during a remove', async (t) => {
    const opened = await open(t);
    if (opened.store.capabilities.unprotectedWindow) return t.skip('this store has an unprotected window');
    if (opened.losesByDelete !== undefined) return t.skip(opened.losesByDelete);
    for (let round = 0; round < ROUNDS; round += 1) {
      const name = toName(`removed-${round}`);
      const expected = await create(opened, name, OLD);
      const [outcome] = await Promise.all([
        opened.store.remove(name, orderFor(name, expected)),
        opened.other.put(name, THEIRS),
      ]);
      await assertReachable(opened, name, [outcome], [THEIRS]);
    }
  });
}

function pullBoth(
  opened: OpenedStore,
  name: Name,
  expected: RemoteState,
): Promise<CommitOutcome<RemoteState>[]> {
  return Promise.all([
    opened.store.pull(name, staged(opened, OURS), orderFor(name, expected)),
    opened.second.pull(name, staged(opened, THEIRS), orderFor(name, expected)),
  ]);
}

async function assertNothingLost(opened: OpenedStore, outcome: CommitOutcome<RemoteState>): Promise<void> {
  if (outcome.result === 'applied') {
    await assertReachable(opened, NAME, [outcome], [OURS, THEIRS]);
  } else if (!opened.store.capabilities.unprotectedWindow) {
    await assertReachable(opened, NAME, [outcome], [THEIRS]);
  }
}

/** A worker that was told `stale` still has its source; every other content must be found in the container. */
async function assertBothSurvive(
  opened: OpenedStore,
  name: Name,
  outcomes: readonly CommitOutcome<RemoteState>[],
): Promise<void> {
  if (opened.store.capabilities.unprotectedWindow) return;
  const contents = [OURS, THEIRS];
  const winners = outcomes.filter((outcome) => outcome.result === 'applied');
  assert.ok(winners.length > 0, 'both workers gave up');
  for (const winner of winners) assertApplied(winner);
  const kept = contents.filter((_, index) => outcomes[index]?.result === 'applied');
  await assertReachable(opened, name, outcomes, kept);
}

async function assertReachable(
  opened: OpenedStore,
  name: Name,
  outcomes: readonly CommitOutcome<RemoteState>[],
  contents: readonly Buffer[],
): Promise<void> {
  const found = await reachable(opened, name, outcomes);
  for (const content of contents) {
    assert.ok(found.has(content.toString()), `"${content}" is lost; found ${[...found].join(' | ')}`);
  }
}
