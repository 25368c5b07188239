/** Conformance of the delete gate: what waits, what it is counted with, and what an answer does. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SyncState } from '#core/state.ts';
import type { Pair } from '#ports/pair.ts';
import {
  doneWith,
  entryOf,
  type Given,
  give,
  giveWaiting,
  LOCAL_DIRECTORY,
  localFile,
  NO_EFFECTS,
  name,
  newPair,
  type OpenArchive,
  type OpenedArchive,
  REMOTE_DIRECTORY,
  remoteFile,
  unionOf,
} from './archive-fixtures.ts';

const HOLD_MS = 60_000;
const HOUR = 3_600_000;
const TERMS = { windowMs: HOUR, names: 2 };

const synced = (size: number): SyncState => ({ kind: 'file', size, hash: `hash-${size}` });
/** Synced, and there on both sides. */
const kept = (size: number): Given => ({
  local: localFile(size, { hash: `hash-${size}` }),
  remote: remoteFile(size),
  sync: synced(size),
});
/** Synced, and gone here. */
const goneHere = (size: number): Given => ({
  remote: remoteFile(size),
  sync: synced(size),
  decision: ['delete-remote'],
});
/** Synced, and gone upstream. */
const goneUpstream = (size: number): Given => ({
  local: localFile(size, { hash: `hash-${size}` }),
  sync: synced(size),
  decision: ['delete-local'],
});

async function dispatched({ archive, pair }: OpenedArchive): Promise<string[]> {
  return (await archive.dispatch(pair.id, 100, HOLD_MS)).map((each) => each.name);
}

async function claimed(fixture: OpenedArchive, of: string, holder: string): Promise<number> {
  const { archive, pair } = fixture;
  const { decision } = await entryOf(fixture, of);
  const items = [{ name: name(of), serial: decision?.serial ?? assert.fail(`${of} is not pending`) }];
  return (await archive.claim(pair.id, items, holder, HOLD_MS)).length;
}

async function finish(fixture: OpenedArchive, ...names: string[]): Promise<void> {
  const entries = await Promise.all(names.map((each) => entryOf(fixture, each)));
  const done = await fixture.archive.acknowledge(fixture.pair.id, entries.map(doneWith), NO_EFFECTS);
  assert.equal(done.size, names.length);
}

const sizes = (from: number, to: number, given: (size: number) => Given): Record<string, Given> =>
  Object.fromEntries(
    Array.from({ length: to - from + 1 }, (_, index) => [`f${from + index}`, given(from + index)]),
  );

export function describeDeletes(open: OpenArchive): void {
  describeWaiting(open);
  describeCounting(open);
  describeRenames(open);
  describeHolding(open);
  describeAnswers(open);
}

function describeWaiting(open: OpenArchive): void {
  describe('a delete that waits', () => {
    it('is neither dispatched nor claimed until it is let go', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await giveWaiting(fixture, {
        a: goneHere(1),
        b: goneUpstream(2),
        up: { local: localFile(3), decision: ['upload'] },
      });
      assert.deepEqual(await dispatched(fixture), ['up']);
      assert.equal(await claimed(fixture, 'a', 'worker'), 0);
      assert.equal(await archive.letDeletesGo(pair.id, 2), true);
      assert.deepEqual(await dispatched(fixture), ['b', 'a']);
      assert.equal(await claimed(fixture, 'a', 'worker'), 1);
    });

    it('is let go only together with all that were counted', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await giveWaiting(fixture, { a: goneHere(1), b: goneHere(2) });
      assert.equal(await archive.letDeletesGo(pair.id, 1), false);
      assert.deepEqual(await dispatched(fixture), []);
      assert.equal(await archive.letDeletesGo(pair.id, 2), true);
      assert.equal(await archive.letDeletesGo(pair.id, 2), false);
    });

    it('tells how long it waits, by the side where the name went away', async (t) => {
      const fixture = await open(t);
      const { archive, pair, passTime } = fixture;
      assert.deepEqual(await archive.waitingDeletes(pair.id), { heldSince: null, local: null, remote: null });
      await giveWaiting(fixture, { a: goneHere(1) });
      await passTime(5_000);
      await giveWaiting(fixture, { b: goneHere(2) });
      await passTime(10_000);
      const { local, remote } = await archive.waitingDeletes(pair.id);
      assert.ok(local !== null && local.youngestMs >= 10_000 && local.oldestMs >= local.youngestMs + 5_000);
      assert.equal(remote, null);
    });

    it('is counted apart from other decisions, and so is what waits for it', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await giveWaiting(fixture, {
        d: {
          local: LOCAL_DIRECTORY,
          remote: remoteFile(3),
          sync: { kind: 'directory' },
          decision: ['download'],
        },
        'd/f': goneUpstream(1),
        up: { local: localFile(4), decision: ['upload'] },
      });
      const { decisions, waitingDeletes } = await archive.counts(pair.id);
      assert.deepEqual([decisions, waitingDeletes], [1, 1]);
    });

    it('is work until it is held', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await giveWaiting(fixture, { a: goneHere(1) });
      assert.deepEqual(
        (await archive.work()).map(({ decisions, candidates }) => [decisions, candidates]),
        [[true, false]],
      );
      await archive.holdDeletes(pair.id);
      assert.deepEqual(await archive.work(), []);
      await archive.mark(pair.id, 'local', [name('a')]);
      assert.equal((await archive.work()).length, 1);
    });
  });
}

function describeCounting(open: OpenArchive): void {
  describe('counting deletes', () => {
    it('counts what waits, what went within the window, and the names there were', async (t) => {
      const fixture = await open(t);
      const { archive, pair, passTime } = fixture;
      await give(fixture, { old: goneHere(1) });
      await finish(fixture, 'old');
      await passTime(2 * HOUR);
      await give(fixture, { a: goneHere(2), b: goneUpstream(3), c: kept(4) });
      await finish(fixture, 'a');
      await giveWaiting(fixture, { d: goneHere(5) });
      const counts = await archive.countDeletes(pair.id, TERMS);
      assert.deepEqual(counts, {
        waiting: 1,
        deleted: 2,
        suspects: 0,
        names: 4,
        isEmptied: false,
        isUndecided: false,
      });
    });

    it('does not count the names for few deletes', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await giveWaiting(fixture, { a: goneHere(1), b: kept(2) });
      assert.equal((await archive.countDeletes(pair.id, TERMS)).names, 0);
      assert.equal((await archive.countDeletes(pair.id, { ...TERMS, names: 1 })).names, 2);
    });

    it('does not count a name that was there again', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: goneHere(1), b: goneHere(2) });
      await finish(fixture, 'a', 'b');
      await give(fixture, { a: { local: localFile(9), decision: ['upload'] } });
      assert.equal((await archive.countDeletes(pair.id, TERMS)).deleted, 1);
    });

    it('still counts a name that was looked at again and is gone', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: goneHere(1) });
      await finish(fixture, 'a');
      await give(fixture, { a: {} });
      assert.equal((await archive.countDeletes(pair.id, TERMS)).deleted, 1);
    });

    it('tells names that were synced and are not looked at yet', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: kept(1), b: kept(2) });
      await giveWaiting(fixture, { c: goneHere(3) });
      await archive.mark(pair.id, 'local', [name('a'), name('b'), name('never synced')]);
      const counts = await archive.countDeletes(pair.id, TERMS);
      assert.deepEqual([counts.waiting, counts.suspects, counts.isEmptied], [1, 2, true]);
    });

    it('tells whether something marked before the last delete is undecided', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await giveWaiting(fixture, { a: goneHere(1) });
      await archive.mark(pair.id, 'local', [name('new')]);
      assert.equal((await archive.countDeletes(pair.id, TERMS)).isUndecided, false);
      await giveWaiting(fixture, { b: goneHere(2) });
      assert.equal((await archive.countDeletes(pair.id, TERMS)).isUndecided, true);
    });

    it('tells when nothing would be left', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await giveWaiting(fixture, { a: goneHere(1), b: goneUpstream(2), c: {} });
      assert.equal((await archive.countDeletes(pair.id, TERMS)).isEmptied, true);
      await give({ ...fixture, pair: await another(fixture) }, { d: kept(3) });
      assert.equal((await archive.countDeletes(pair.id, TERMS)).isEmptied, true);
      await giveWaiting(fixture, { d: kept(3) });
      assert.equal((await archive.countDeletes(pair.id, TERMS)).isEmptied, false);
    });
  });
}

async function another({ registry, pair }: OpenedArchive): Promise<Pair> {
  return registry.addPair(newPair(pair.store.id, 'another'));
}

/** Of a name that `before` has: it goes away and is decided on at once. */
const goneNow = (size: number): Given => ({ remote: remoteFile(size), decision: ['delete-remote'] });
const moved = { mtimeNs: 77n, inode: 700n };

const RENAMES: readonly {
  readonly title: string;
  /** First the names as they were synced, then what became of them. */
  readonly before?: Record<string, Given>;
  readonly given: Record<string, Given>;
  readonly renames: { readonly certain: number; readonly possible: number };
}[] = [
  {
    title: 'content that is under another name of its side is renamed',
    given: { old: goneHere(1), new: { local: localFile(1, { hash: 'hash-1' }) } },
    renames: { certain: 1, possible: 0 },
  },
  {
    title: 'content that is only on the other side is not',
    given: { old: goneHere(1), new: { remote: remoteFile(1) } },
    renames: { certain: 0, possible: 0 },
  },
  {
    title: 'other content is not',
    given: { old: goneUpstream(1), new: { remote: remoteFile(1, 'other') } },
    renames: { certain: 0, possible: 0 },
  },
  {
    title: 'upstream it is known by size and digest',
    given: { old: goneUpstream(1), 'd/new': { remote: remoteFile(1) } },
    renames: { certain: 1, possible: 0 },
  },
  {
    title: 'as many are renamed as there are new names of the content',
    given: { a: goneUpstream(1), b: goneUpstream(1), c: goneUpstream(1), new: { remote: remoteFile(1) } },
    renames: { certain: 1, possible: 0 },
  },
  {
    title: 'a file whose digest is not known yet is known by inode, size and time',
    before: { old: { ...kept(1), local: localFile(1, { ...moved, hash: 'hash-1' }) } },
    given: { old: goneNow(1), new: { local: localFile(1, moved), decision: ['upload'] } },
    renames: { certain: 1, possible: 0 },
  },
  {
    title: 'an inode that is used again is no rename, but the content may be',
    before: { old: { ...kept(1), local: localFile(1, { ...moved, hash: 'hash-1' }) } },
    given: {
      old: goneNow(1),
      new: { local: localFile(1, { ...moved, mtimeNs: 78n }), decision: ['upload'] },
    },
    renames: { certain: 0, possible: 1 },
  },
  {
    title: 'a file that is read only when these very deletes are gone is not waited for',
    given: {
      old: {
        local: localFile(1),
        remote: REMOTE_DIRECTORY,
        sync: { kind: 'directory' },
        decision: ['upload'],
      },
      'old/1': goneHere(1),
    },
    renames: { certain: 0, possible: 0 },
  },
  {
    title: 'a directory is renamed with what is in it',
    given: {
      old: { remote: REMOTE_DIRECTORY, sync: { kind: 'directory' }, decision: ['delete-remote'] },
      'old/deep': { remote: REMOTE_DIRECTORY, sync: { kind: 'directory' }, decision: ['delete-remote'] },
      'old/deep/f': goneHere(1),
      other: { remote: REMOTE_DIRECTORY, sync: { kind: 'directory' }, decision: ['delete-remote'] },
      'other/f': goneHere(2),
      'new/deep/f': { local: localFile(1, { hash: 'hash-1' }) },
    },
    renames: { certain: 3, possible: 0 },
  },
  {
    title: 'an empty directory is known by its inode',
    before: { old: { local: LOCAL_DIRECTORY, remote: REMOTE_DIRECTORY, sync: { kind: 'directory' } } },
    given: {
      old: { remote: REMOTE_DIRECTORY, decision: ['delete-remote'] },
      new: { local: LOCAL_DIRECTORY, decision: ['upload'] },
    },
    renames: { certain: 1, possible: 0 },
  },
];

function describeRenames(open: OpenArchive): void {
  describe('renames among deletes', () => {
    for (const { title, before, given, renames } of RENAMES) {
      it(title, async (t) => {
        const fixture = await open(t);
        if (before !== undefined) await give(fixture, before);
        await giveWaiting(fixture, given);
        assert.deepEqual(await fixture.archive.countRenames(fixture.pair.id, HOUR), renames);
      });
    }

    const before = { old: { ...kept(1), local: localFile(1, { ...moved, hash: 'hash-1' }) } };
    const fresh = (size: number, more = moved): Given => ({
      local: localFile(size, more),
      decision: ['upload'],
    });
    const twin = { name: name('old'), size: 1, hash: 'hash-1' };

    it('where a file that moved came from is known, before and after the delete', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, before);
      await give(fixture, { old: goneNow(1), new: fresh(1), 'other/new': fresh(1) });
      const names = ['new', 'other/new', 'old', 'unknown'].map(name);
      const both = (version: string) =>
        new Map([name('new'), name('other/new')].map((each) => [each, { ...twin, version }]));
      assert.deepEqual(await archive.movedHere(pair.id, names), both('v1'));
      const done = doneWith(await entryOf(fixture, 'old'));
      const pointer = { kind: 'version', locator: 'kept', size: 1, hash: 'hash-1' } as const;
      const recovery = [
        { name: done.name, side: 'remote', serial: done.serial, pointer, lookAgainAt: null, expiresAt: HOUR },
      ] as const;
      await archive.acknowledge(pair.id, [done], { ...NO_EFFECTS, recovery });
      assert.deepEqual(await archive.movedHere(pair.id, names), both('kept'));
    });

    it('where an object that moved came from is known while it is here', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const local = localFile(1, { hash: 'hash-1' });
      await give(fixture, { old: { ...kept(1), local }, other: kept(2) });
      await give(fixture, {
        old: { local, decision: ['delete-local'] },
        new: { remote: remoteFile(1), decision: ['download'] },
        size: { remote: remoteFile(2, 'hash-1'), decision: ['download'] },
        content: { remote: remoteFile(1, 'another'), decision: ['download'] },
      });
      const names = ['new', 'size', 'content', 'other', 'unknown'].map(name);
      const found = new Map([[name('new'), { name: name('old'), state: local }]]);
      assert.deepEqual(await archive.movedUpstream(pair.id, names), found);
      await archive.acknowledge(pair.id, [doneWith(await entryOf(fixture, 'old'))], NO_EFFECTS);
      assert.deepEqual(await archive.movedUpstream(pair.id, names), new Map());
    });

    it('of a file with another inode, size or time it is not', async (t) => {
      const fixture = await open(t);
      await give(fixture, before);
      await give(fixture, {
        old: goneNow(1),
        size: fresh(2),
        time: fresh(1, { ...moved, mtimeNs: 78n }),
        inode: fresh(1, { ...moved, inode: 701n }),
      });
      const names = ['size', 'time', 'inode'].map(name);
      assert.deepEqual(await fixture.archive.movedHere(fixture.pair.id, names), new Map());
    });

    it('a copy that was there before the window is no new name', async (t) => {
      const fixture = await open(t);
      const { archive, pair, passTime } = fixture;
      await give(fixture, { copy: kept(1) });
      await passTime(2 * HOUR);
      await giveWaiting(fixture, { old: goneHere(1) });
      assert.deepEqual(await archive.countRenames(pair.id, HOUR), { certain: 0, possible: 0 });
    });

    it('a delete that went within the window is renamed as well', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { old: goneHere(1), new: kept(1) });
      await finish(fixture, 'old');
      assert.deepEqual(await archive.countRenames(pair.id, HOUR), { certain: 1, possible: 0 });
    });
  });
}

function describeHolding(open: OpenArchive): void {
  describe('held deletes', () => {
    it('are held once, and none is let go', async (t) => {
      const fixture = await open(t);
      const { archive, pair, clock } = fixture;
      await giveWaiting(fixture, { a: goneHere(1) });
      assert.deepEqual(await archive.unansweredHolds(), []);
      assert.equal(await archive.holdDeletes(pair.id), true);
      assert.equal(await archive.holdDeletes(pair.id), false);
      assert.equal(await archive.letDeletesGo(pair.id, 1), false);
      const [hold = assert.fail('no hold')] = await archive.unansweredHolds();
      assert.equal(hold.pairId, pair.id);
      assert.ok(Math.abs(hold.since - clock.now()) < HOUR);
      assert.equal((await archive.waitingDeletes(pair.id)).heldSince, hold.since);
    });

    it('take back what was let go and is not with a worker', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: goneHere(1), b: goneHere(2), c: goneHere(3) });
      assert.deepEqual(await dispatched(fixture), ['c', 'b', 'a']);
      assert.equal(await claimed(fixture, 'a', 'worker'), 1);
      await archive.holdDeletes(pair.id);
      assert.equal(await claimed(fixture, 'b', 'late worker'), 0);
      assert.equal((await archive.counts(pair.id)).waitingDeletes, 2);
      await finish(fixture, 'a');
      assert.equal(await archive.approveDeletes(pair.id), 2);
      assert.deepEqual(await dispatched(fixture), ['c', 'b'], 'they are not with the queue any more');
    });

    it('of all pairs are taken back together, but approved ones', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const other = { ...fixture, pair: await another(fixture) };
      await give(fixture, { a: goneHere(1) });
      await giveWaiting(other, { b: goneHere(2) });
      await archive.approveDeletes(other.pair.id);
      await archive.takeBackDeletes();
      assert.deepEqual([await dispatched(fixture), await dispatched(other)], [[], ['b']]);
      assert.equal((await archive.countDeletes(pair.id, TERMS)).deleted, 0);
    });

    it('are decided anew when their name is marked', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await giveWaiting(fixture, { a: goneHere(1), b: goneHere(2) });
      await archive.holdDeletes(pair.id);
      assert.equal(await archive.lookAgainAtDeletes(pair.id), 0);
      await archive.mark(pair.id, 'local', [name('a')]);
      assert.equal(await archive.lookAgainAtDeletes(pair.id), 1);
      const [candidate = assert.fail('no candidate')] = await archive.candidates(pair.id, 10);
      assert.deepEqual(
        [candidate.entry.name, candidate.sides, candidate.entry.decision],
        ['a', 'both', null],
      );
      assert.equal((await archive.history(pair.id, name('a'), 1))[0]?.kind, 'stale');
    });

    it('end when nothing of them is left, nor may be decided again', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await giveWaiting(fixture, { a: goneHere(1) });
      await archive.holdDeletes(pair.id);
      assert.equal(await archive.endHold(pair.id), false);
      await archive.mark(pair.id, 'local', [name('a')]);
      await archive.lookAgainAtDeletes(pair.id);
      assert.equal(await archive.endHold(pair.id), false);
      await give(fixture, { a: kept(1) });
      assert.equal((await archive.work()).length, 1, 'a hold that may end is work');
      assert.equal(await archive.endHold(pair.id), true);
      assert.equal(await archive.endHold(pair.id), false);
      assert.deepEqual(await archive.unansweredHolds(), []);
    });

    it('end with the entries they are about', async (t) => {
      const fixture = await open(t);
      const { archive, registry, pair } = fixture;
      await giveWaiting(fixture, { a: goneHere(1) });
      await archive.holdDeletes(pair.id);
      await registry.startUnion(pair.id, unionOf(pair));
      assert.deepEqual(await archive.unansweredHolds(), []);
    });

    it('are shown in byte order, page by page', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { gone: goneHere(9) });
      await giveWaiting(fixture, {
        'b.txt': goneUpstream(2),
        a: { remote: REMOTE_DIRECTORY, sync: { kind: 'directory' }, decision: ['delete-remote'] },
      });
      const first = await archive.pageHeldDeletes(pair.id, null, 1);
      const second = await archive.pageHeldDeletes(pair.id, 'a', 10);
      assert.deepEqual(
        [...first, ...second].map((each) => [each.name, each.side, each.size]),
        [
          ['a', 'local', null],
          ['b.txt', 'remote', 2],
        ],
      );
    });
  });
}

function describeAnswers(open: OpenArchive): void {
  describe('an answer to held deletes', () => {
    it('of approval lets go what waits then, and the count begins anew', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { before: goneHere(1) });
      await finish(fixture, 'before');
      await giveWaiting(fixture, sizes(2, 4, goneHere));
      await archive.holdDeletes(pair.id);
      assert.equal(await archive.approveDeletes(pair.id), 3);
      await giveWaiting(fixture, { later: goneHere(9) });
      assert.deepEqual(await archive.unansweredHolds(), []);
      assert.deepEqual(await dispatched(fixture), ['f4', 'f3', 'f2']);
      await finish(fixture, 'f2', 'f3', 'f4');
      const { waiting, deleted } = await archive.countDeletes(pair.id, TERMS);
      assert.deepEqual([waiting, deleted], [1, 0]);
      const [event] = (await archive.history(pair.id, name('f2'), 10)).filter(
        ({ kind }) => kind === 'operator',
      );
      assert.equal(event?.text, 'the delete was approved');
    });

    it('of approval is not taken back by a later hold', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await giveWaiting(fixture, { a: goneHere(1) });
      await archive.approveDeletes(pair.id);
      await giveWaiting(fixture, { b: goneHere(2) });
      await archive.holdDeletes(pair.id);
      assert.deepEqual(await dispatched(fixture), ['a']);
    });

    it('of reverting forgets what was synced, and both sides are looked at', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { before: goneHere(3), kept: kept(4) });
      await finish(fixture, 'before');
      await giveWaiting(fixture, { a: goneHere(1), b: goneUpstream(2) });
      await archive.holdDeletes(pair.id);
      assert.equal(await archive.revertDeletes(pair.id), 2);
      assert.deepEqual(await archive.unansweredHolds(), []);
      const found = await archive.candidates(pair.id, 10);
      assert.deepEqual(
        found.map(({ entry, sides }) => [
          entry.name,
          sides,
          entry.sync.kind,
          entry.syncSerial,
          entry.decision,
        ]),
        [
          ['a', 'both', 'absent', 0n, null],
          ['b', 'both', 'absent', 0n, null],
        ],
      );
      assert.equal((await entryOf(fixture, 'a')).remote.kind, 'file');
      assert.deepEqual(await dispatched(fixture), []);
      assert.equal((await archive.countDeletes(pair.id, TERMS)).deleted, 0);
      assert.equal((await archive.history(pair.id, name('a'), 1))[0]?.kind, 'operator');
    });

    it('is only for the pair that was asked about', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const other = { ...fixture, pair: await another(fixture) };
      for (const each of [fixture, other]) {
        await giveWaiting(each, { a: goneHere(1) });
        await archive.holdDeletes(each.pair.id);
      }
      assert.equal(await archive.approveDeletes(pair.id), 1);
      assert.deepEqual(
        (await archive.unansweredHolds()).map(({ pairId }) => pairId),
        [other.pair.id],
      );
      assert.deepEqual(await dispatched(other), []);
    });
  });
}
