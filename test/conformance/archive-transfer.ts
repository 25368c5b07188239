/** Conformance of claims, acknowledgements and releases, with what they leave behind. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ABSENT } from '#core/state.ts';
import type { Acknowledgement, Release, SideEffects } from '#ports/archive.ts';
import {
  candidateOf,
  doneWith,
  entryOf,
  give,
  LOCAL_DIRECTORY,
  localFile,
  NO_EFFECTS,
  name,
  type OpenArchive,
  type OpenedArchive,
  remoteFile,
} from './archive-fixtures.ts';

const HOLD_MS = 60_000;

async function pendingOf(fixture: OpenedArchive, of: string) {
  const entry = await entryOf(fixture, of);
  const decision = entry.decision ?? assert.fail(`${of} has no decision`);
  return { entry, decision, item: { name: entry.name, serial: decision.serial } };
}

const synced = (size: number) => ({ kind: 'file', size, hash: `hash-${size}` }) as const;

export function describeTransfer(open: OpenArchive): void {
  describeClaims(open);
  describeAcknowledgements(open);
  describeReleases(open);
}

function describeClaims(open: OpenArchive): void {
  describe('claims', () => {
    it('a claim is refused while another worker holds it, and renewed by its holder', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: { local: localFile(1), decision: ['upload'] } });
      const { entry, item } = await pendingOf(fixture, 'a');
      const claim = (holder: string, holdMs: number) => archive.claim(pair.id, [item], holder, holdMs);
      assert.deepEqual(await claim('one', HOLD_MS), [entry]);
      assert.deepEqual(await claim('two', HOLD_MS), []);
      assert.deepEqual(await claim('one', 0), [entry]);
      assert.deepEqual(await claim('two', HOLD_MS), [entry]);
      assert.deepEqual(await claim('one', HOLD_MS), []);
    });

    it('what a worker brings or removes here is told as being changed, while it holds it', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, {
        up: { local: localFile(1), decision: ['upload'] },
        down: { remote: remoteFile(1), decision: ['download'] },
        waiting: { remote: remoteFile(1), decision: ['download'] },
      });
      const names = [name('up'), name('down'), name('waiting'), name('unknown')];
      const changed = async () => [...(await archive.beingChangedHere(pair.id, names))];
      assert.deepEqual(await changed(), []);
      const items = [(await pendingOf(fixture, 'up')).item, (await pendingOf(fixture, 'down')).item];
      await archive.claim(pair.id, items, 'one', HOLD_MS);
      assert.deepEqual(await changed(), ['down']);
      await archive.claim(pair.id, items, 'one', 0);
      assert.deepEqual(await changed(), []);
    });

    it('of claims at once one gets the decision; an old serial gets nothing', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: { local: localFile(1), decision: ['upload'] } });
      const { item } = await pendingOf(fixture, 'a');
      const workers = ['1', '2', '3', '4', '5', '6'];
      const claims = await Promise.all(
        workers.map((worker) => archive.claim(pair.id, [item], worker, HOLD_MS)),
      );
      assert.equal(claims.flat().length, 1);
      await give(fixture, { b: { local: localFile(1), decision: ['upload'] } });
      const [later] = await archive.issueSerials(1);
      const old = { name: name('b'), serial: later ?? assert.fail() };
      assert.deepEqual(await archive.claim(pair.id, [old], '1', HOLD_MS), []);
    });
  });
}

function describeAcknowledgements(open: OpenArchive): void {
  describe('acknowledgements', () => {
    it('an upload is acknowledged: REMOTE, SYNC and the LOCAL hash take it under its serial', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: { local: localFile(5), decision: ['upload'] } });
      const { entry, decision } = await pendingOf(fixture, 'a');
      await archive.openProblem(pair.id, 'a', { code: 'store-unavailable', text: 'x' });
      const before = new Date(fixture.clock.now() - 60_000);
      const state = { kind: 'file', size: 5, hash: 'md5', version: 'v9', mtimeNs: 3n } as const;
      const acknowledgement: Acknowledgement = {
        ...doneWith(entry),
        sync: { kind: 'file', size: 5, hash: 'md5' },
        target: { side: 'remote', state },
        hash: 'md5',
      };
      assert.deepEqual([...(await archive.acknowledge(pair.id, [acknowledgement], NO_EFFECTS))], ['a']);
      assert.deepEqual(await entryOf(fixture, 'a'), {
        ...entry,
        local: localFile(5, { hash: 'md5' }),
        remote: state,
        remoteSerial: decision.serial,
        sync: { kind: 'file', size: 5, hash: 'md5' },
        syncSerial: decision.serial,
        decision: null,
      });
      assert.deepEqual(await archive.problems(pair.id), []);
      const [event] = await archive.history(pair.id, name('a'), 1);
      assert.deepEqual(
        [event?.kind, event?.side, event?.serial, event?.text],
        ['acknowledged', 'remote', decision.serial, 'uploaded 5 bytes'],
      );
      assert.deepEqual(await archive.transferred(pair.id, before), { files: 1, bytes: 5 });
      assert.deepEqual(await archive.transferred(pair.id, new Date(fixture.clock.now() + 60_000)), {
        files: 0,
        bytes: 0,
      });
    });

    it('a download and a removal here are acknowledged on the LOCAL side', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, {
        got: { remote: remoteFile(7), decision: ['download'] },
        gone: { local: localFile(3), sync: synced(3), decision: ['delete-local'] },
      });
      for (const each of ['got', 'gone']) {
        const { entry, decision } = await pendingOf(fixture, each);
        await archive.acknowledge(pair.id, [doneWith(entry)], NO_EFFECTS);
        const after = await entryOf(fixture, each);
        const expected = each === 'got' ? localFile(7, { hash: 'hash-7' }) : ABSENT;
        assert.deepEqual(
          [after.local, after.localSerial, after.remoteSerial, after.syncSerial, after.sync.kind],
          [expected, decision.serial, entry.remoteSerial, decision.serial, expected.kind],
        );
      }
    });

    it('of two acknowledgements at once one is heard, and the side effects of both are recorded', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: { remote: remoteFile(7), decision: ['download', 'conflict-copy'] } });
      const { entry, decision } = await pendingOf(fixture, 'a');
      const effects = (copy: string): SideEffects => ({
        candidates: [{ side: 'local', name: name(copy) }],
        recovery: [
          {
            name: entry.name,
            side: 'local',
            serial: decision.serial,
            pointer: { kind: 'trash', locator: `trash/${copy}`, size: 1, hash: null },
            lookAgainAt: null,
            expiresAt: fixture.clock.now() + 1_000,
          },
        ],
        history: [{ name: entry.name, kind: 'conflict', side: 'local', serial: decision.serial, text: copy }],
      });
      const results = await Promise.all(
        ['x', 'y'].map((copy) => archive.acknowledge(pair.id, [doneWith(entry)], effects(copy))),
      );
      assert.deepEqual(results.map((names) => names.size).sort(), [0, 1]);
      assert.deepEqual(
        (await archive.candidates(pair.id, 10)).map((found) => found.entry.name),
        ['x', 'y'],
      );
      assert.equal((await archive.trash(pair.id, entry.name)).length, 2);
      const events = await archive.history(pair.id, entry.name, 10);
      const told = events.map(({ kind, text }) => (kind === 'conflict' ? text : kind)).sort();
      assert.deepEqual(told, ['acknowledged', 'x', 'y']);
    });

    it('an acknowledgement or release of a decision made before is not heard', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: { local: localFile(1), decision: ['upload'] } });
      const { entry: old, item } = await pendingOf(fixture, 'a');
      await archive.release(
        pair.id,
        [{ ...item, outcome: { kind: 'stale', reason: 'changed' } }],
        NO_EFFECTS,
      );
      assert.equal((await archive.acknowledge(pair.id, [doneWith(old)], NO_EFFECTS)).size, 0);
      await give(fixture, { a: { local: localFile(2), decision: ['upload'] } });
      assert.equal((await archive.acknowledge(pair.id, [doneWith(old)], NO_EFFECTS)).size, 0);
      const refused = { ...item, outcome: { kind: 'refused', problem: { code: 'c', text: 't' } } } as const;
      assert.equal((await archive.release(pair.id, [refused], NO_EFFECTS)).size, 0);
      assert.equal((await entryOf(fixture, 'a')).remote.kind, 'absent');
      assert.notEqual((await entryOf(fixture, 'a')).decision, null);
      assert.deepEqual(await archive.problems(pair.id), []);
    });

    it('a marking while a decision is pending waits for its end', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: { local: localFile(1), decision: ['upload'] } });
      await archive.mark(pair.id, 'local', [name('a')]);
      assert.deepEqual(await archive.candidates(pair.id, 10), []);
      const { entry } = await pendingOf(fixture, 'a');
      await archive.acknowledge(pair.id, [doneWith(entry)], NO_EFFECTS);
      assert.equal((await candidateOf(fixture, 'a')).sides, 'local');
    });

    it('the acknowledged removal of the last object makes the directory it implied a candidate', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const removal = { remote: remoteFile(1), sync: synced(1), decision: ['delete-remote'] } as const;
      await give(fixture, {
        d: { local: LOCAL_DIRECTORY, sync: { kind: 'directory' } },
        'd/1': removal,
        'd/2': removal,
        'd/3': removal,
      });
      const entries = await Promise.all(['d/1', 'd/2', 'd/3'].map((each) => entryOf(fixture, each)));
      const [first, ...others] = entries.map(doneWith);
      assert.ok(first);
      await archive.acknowledge(pair.id, [first], NO_EFFECTS);
      assert.deepEqual(await archive.candidates(pair.id, 10), []);
      await Promise.all(others.map((each) => archive.acknowledge(pair.id, [each], NO_EFFECTS)));
      assert.equal((await candidateOf(fixture, 'd')).sides, 'remote');
    });
  });
}

function describeReleases(open: OpenArchive): void {
  describe('releases', () => {
    it('a stale decision is forgotten and both sides are looked at again', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: { local: localFile(1), decision: ['upload'] } });
      const { item } = await pendingOf(fixture, 'a');
      const stale: Release = { ...item, outcome: { kind: 'stale', reason: 'changed' } };
      assert.deepEqual([...(await archive.release(pair.id, [stale], NO_EFFECTS))], ['a']);
      assert.deepEqual([...(await archive.release(pair.id, [stale], NO_EFFECTS))], []);
      const { entry, sides } = await candidateOf(fixture, 'a');
      assert.deepEqual([sides, entry.decision], ['both', null]);
    });

    it('a retried decision waits until its time, counts, and shows its problem', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: { local: localFile(9), decision: ['upload'] } });
      const { item } = await pendingOf(fixture, 'a');
      await archive.claim(pair.id, [item], 'worker', HOLD_MS);
      const at = fixture.clock.now() + 300_000;
      const retry = (
        counts: boolean,
        problem: { code: string; text: string } | null,
        when = at,
      ): Release => ({
        ...item,
        outcome: { kind: 'retry', at: when, counts, reason: 'no', problem },
      });
      const problem = { code: 'store-unavailable', text: 'later' };
      await archive.release(pair.id, [retry(true, null)], NO_EFFECTS);
      await archive.release(pair.id, [retry(false, null)], NO_EFFECTS);
      await archive.release(pair.id, [retry(true, problem)], NO_EFFECTS);
      assert.equal((await entryOf(fixture, 'a')).decision?.attempts, 2);
      assert.deepEqual(await archive.dispatch(pair.id, 10, HOLD_MS), []);
      const [shown] = await archive.problems(pair.id);
      assert.deepEqual(
        [shown?.attempts, shown?.nextAttemptAt?.getTime(), shown?.code],
        [2, at, problem.code],
      );
      assert.equal((await archive.counts(pair.id)).decisions, 1);
      await archive.release(pair.id, [retry(true, problem)], NO_EFFECTS);
      assert.equal((await archive.counts(pair.id)).decisions, 0);
      await archive.release(pair.id, [retry(false, null, fixture.clock.now() - 1)], NO_EFFECTS);
      assert.equal((await archive.dispatch(pair.id, 10, HOLD_MS)).length, 1);
    });

    it('a refused decision is forgotten, its problem stays open, and nothing is looked at', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: { local: localFile(1), decision: ['upload'] } });
      const { item } = await pendingOf(fixture, 'a');
      const problem = { code: 'content-too-large', text: 'no store takes it' };
      await archive.release(pair.id, [{ ...item, outcome: { kind: 'refused', problem } }], NO_EFFECTS);
      assert.equal((await entryOf(fixture, 'a')).decision, null);
      assert.deepEqual(await archive.candidates(pair.id, 10), []);
      const [shown] = await archive.problems(pair.id);
      assert.deepEqual([shown?.code, shown?.attempts, shown?.nextAttemptAt], [problem.code, 1, null]);
    });
  });
}
