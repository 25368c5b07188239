/** Conformance of entries: what is written comes back, in order, and every recording is a compare-and-set. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareNames, type Name } from '#core/name.ts';
import { laterSerial } from '#core/serial.ts';
import { ABSENT, type LocalState, type RemoteState } from '#core/state.ts';
import type { ProbeRecord } from '#ports/archive.ts';
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
  unionOf,
} from './archive-fixtures.ts';

const settled = { kind: 'settled' } as const;

async function nextSerial({ archive }: OpenedArchive) {
  const [serial] = await archive.issueSerials(1);
  return serial ?? assert.fail('no serial');
}

const LOCAL_STATES: Readonly<Record<string, LocalState>> = {
  file: localFile(2 ** 52, { inode: 2n ** 64n - 1n, mtimeNs: -1n, hash: 'abc', mode: 0o777 }),
  unhashed: localFile(0),
  directory: { ...LOCAL_DIRECTORY, inode: 2n ** 63n } as LocalState,
  link: { kind: 'unhandled', special: 'symlink', inode: 1n, mtimeNs: 2n },
  absent: ABSENT,
};

const REMOTE_STATES: Readonly<Record<string, RemoteState>> = {
  file: remoteFile(2 ** 52),
  untimed: { kind: 'file', size: 0, hash: 'h', version: null, mtimeNs: null },
  directory: { kind: 'directory', version: '17' },
  manifest: { kind: 'unhandled', version: null },
  absent: ABSENT,
};

export function describeEntries(open: OpenArchive): void {
  describeReading(open);
  describeRecording(open);
  describeListed(open);
}

function describeReading(open: OpenArchive): void {
  describe('reading entries', () => {
    it('every state comes back exactly as it was recorded', async (t) => {
      const fixture = await open(t);
      for (const [label, local] of Object.entries(LOCAL_STATES)) await give(fixture, { [label]: { local } });
      for (const [label, local] of Object.entries(LOCAL_STATES)) {
        assert.deepEqual((await entryOf(fixture, label)).local, local, label);
      }
      const { archive, pair } = fixture;
      const page = await archive.pageLocal(pair.id, null, 100);
      assert.deepEqual(
        page.map((item) => [item.name, item.state]),
        ['directory', 'file', 'link', 'unhashed'].map((label) => [label, LOCAL_STATES[label]]),
      );
      for (const [label, remote] of Object.entries(REMOTE_STATES))
        await give(fixture, { [label]: { remote } });
      const remotePage = await archive.pageRemote(pair.id, null, 100);
      assert.deepEqual(
        remotePage.map((item) => [item.name, item.state]),
        ['directory', 'file', 'manifest', 'untimed'].map((label) => [label, REMOTE_STATES[label]]),
      );
    });

    it('names are paged in byte order, whatever characters they have', async (t) => {
      const fixture = await open(t);
      const odd = [
        'a',
        'a-b',
        'a/b',
        'a0',
        'Z',
        'ä',
        'a\u0308',
        '\uffee',
        '\u{1f600}',
        'a b',
        "a'b\\c",
        '%',
        'a"{},',
      ];
      await give(fixture, Object.fromEntries(odd.map((raw) => [raw, { local: localFile(1) }])));
      const seen: Name[] = [];
      for (let after: string | null = null; ; after = seen.at(-1) ?? null) {
        const page: readonly { readonly name: Name }[] = await fixture.archive.pageLocal(
          fixture.pair.id,
          after,
          3,
        );
        if (page.length === 0) break;
        seen.push(...page.map((item) => item.name));
      }
      assert.deepEqual(seen, odd.toSorted(compareNames));
    });

    it('loading keeps the given order, and a name without a row is absent on all sides', async (t) => {
      const fixture = await open(t);
      await give(fixture, { b: { local: localFile(1) }, 'dir/x': { remote: remoteFile(1) } });
      const entries = await fixture.archive.load(fixture.pair.id, [
        name('z'),
        name('b'),
        name('dir'),
        name('z'),
      ]);
      assert.deepEqual(
        entries.map((entry) => [
          entry.name,
          entry.local.kind,
          entry.localSerial > 0n,
          entry.remoteHasChildren,
        ]),
        [
          ['z', 'absent', false, false],
          ['b', 'file', true, false],
          ['dir', 'absent', false, true],
          ['z', 'absent', false, false],
        ],
      );
    });

    it('an object below a name implies a directory, a sibling does not', async (t) => {
      const fixture = await open(t);
      await give(fixture, {
        a: { local: LOCAL_DIRECTORY },
        'a-b': { remote: remoteFile(1) },
        a0: { remote: remoteFile(1) },
        'a/gone': { remote: ABSENT },
      });
      assert.equal((await entryOf(fixture, 'a')).remoteHasChildren, false);
      await give(fixture, { 'a/b/c': { remote: remoteFile(1) } });
      assert.equal((await entryOf(fixture, 'a')).remoteHasChildren, true);
    });

    it('serials only grow and are never issued twice, also by callers at once', async (t) => {
      const fixture = await open(t);
      const { archive, pair, registry } = fixture;
      const batches = await Promise.all(Array.from({ length: 8 }, () => archive.issueSerials(50)));
      const all = batches.flat();
      assert.equal(new Set(all).size, 400);
      for (const batch of batches)
        assert.deepEqual(
          batch,
          batch.toSorted((a, b) => Number(a - b)),
        );
      await give(fixture, { a: { local: localFile(1) } });
      const used = (await entryOf(fixture, 'a')).localSerial;
      await registry.startUnion(pair.id, unionOf(pair));
      await give(fixture, { a: { local: localFile(1) } });
      assert.ok((await entryOf(fixture, 'a')).localSerial > used);
      assert.ok(used > all.reduce(laterSerial));
    });
  });
}

function describeRecording(open: OpenArchive): void {
  describe('recording', () => {
    it('of recordings at once one is written, and only its events', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await archive.mark(pair.id, 'both', [name('a')]);
      const candidate = await candidateOf(fixture, 'a');
      const serials = await archive.issueSerials(8);
      const results = await Promise.all(
        serials.map((serial, index) =>
          archive.record(
            pair.id,
            [
              {
                candidate,
                local: { state: localFile(index), serial },
                remote: null,
                outcome: settled,
                problem: null,
              },
            ],
            [{ name: name('a'), kind: 'observed', side: 'local', serial, text: `size ${index}` }],
          ),
        ),
      );
      const winners = results.flatMap((written, index) => (written.size === 1 ? [index] : []));
      assert.equal(winners.length, 1);
      const entry = await entryOf(fixture, 'a');
      assert.deepEqual(
        [entry.local, entry.localSerial],
        [localFile(winners[0] ?? -1), serials[winners[0] ?? -1]],
      );
      const events = await archive.history(pair.id, name('a'), 10);
      assert.deepEqual(
        events.map(({ text }) => text),
        [`size ${winners[0]}`],
      );
    });

    it('an acknowledgement without transfer fences recordings that began before it', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await archive.mark(pair.id, 'both', [name('a')]);
      const candidate = await candidateOf(fixture, 'a');
      const base = { candidate, local: null, remote: null, problem: null };
      const serial = await nextSerial(fixture);
      const sync = { kind: 'file', size: 1, hash: 'h' } as const;
      const first = await archive.record(
        pair.id,
        [{ ...base, outcome: { kind: 'acknowledged', sync, serial } }],
        [],
      );
      const second = await archive.record(pair.id, [{ ...base, outcome: settled }], []);
      assert.deepEqual([first.size, second.size], [1, 0]);
      const entry = await entryOf(fixture, 'a');
      assert.deepEqual([entry.sync, entry.syncSerial, entry.localSerial], [sync, serial, 0n]);
    });

    it('nothing is recorded over a pending decision', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await archive.mark(pair.id, 'both', [name('a')]);
      const candidate = await candidateOf(fixture, 'a');
      const serial = await nextSerial(fixture);
      const decision = {
        serial,
        action: 'upload',
        displaced: 'recoverable',
        reason: 'new here',
        attempts: 0,
      } as const;
      const base = { candidate, local: null, remote: null, problem: null };
      await archive.record(pair.id, [{ ...base, outcome: { kind: 'decided', decision } }], []);
      await archive.mark(pair.id, 'both', [name('a')]);
      assert.deepEqual(await archive.candidates(pair.id, 10), []);
      assert.equal((await archive.record(pair.id, [{ ...base, outcome: settled }], [])).size, 0);
      assert.deepEqual((await entryOf(fixture, 'a')).decision, decision);
    });

    it('a problem is opened by a recording, keeps its first time, and is closed by the next without one', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const found = async (problem: ProbeRecord['problem']) => {
        await archive.mark(pair.id, 'local', [name('a')]);
        const candidate = await candidateOf(fixture, 'a');
        await archive.record(
          pair.id,
          [{ candidate, local: null, remote: null, outcome: settled, problem }],
          [],
        );
        return archive.problems(pair.id);
      };
      const [first] = await found({ code: 'name-twin', text: 'one' });
      const [second] = await found({ code: 'name-twin', text: 'two' });
      assert.deepEqual([second?.name, second?.code, second?.text], ['a', 'name-twin', 'two']);
      assert.deepEqual(second?.firstSeenAt, first?.firstSeenAt);
      assert.ok((second?.lastSeenAt ?? 0) > (first?.lastSeenAt ?? 0));
      assert.deepEqual(await found(null), []);
    });

    it('what a look found under a name that another entry has stays when that entry settles or is synced', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const codes = ['name-control-character', 'directory-unreadable', 'object-name-dot-segment'];
      for (const code of codes) await archive.openProblem(pair.id, code, { code, text: 'found' });
      for (const code of codes)
        await give(fixture, { [code]: { local: localFile(1), decision: ['upload'] } });
      for (const code of codes) {
        const done = doneWith(await entryOf(fixture, code));
        await archive.acknowledge(pair.id, [done], NO_EFFECTS);
      }
      assert.deepEqual(
        (await archive.problems(pair.id)).map((problem) => problem.code),
        codes.toSorted(),
      );
    });

    it('problems of a walk close by code when no longer met; names of any length are held', async (t) => {
      const { archive, pair } = await open(t);
      const long = '\\xff'.repeat(3_000);
      const before = await archive.time();
      await archive.openProblem(pair.id, long, { code: 'name-too-long', text: 'old' });
      await archive.openProblem(pair.id, `${long}!`, { code: 'name-too-long', text: 'old' });
      await archive.openProblem(pair.id, 'b', { code: 'other', text: 'old' });
      assert.equal((await archive.problems(null)).length, 3);
      await archive.closeProblems(pair.id, ['name-too-long'], before);
      assert.equal((await archive.problems(null)).length, 3, 'what was seen since then stays');
      await archive.closeProblems(pair.id, ['name-too-long'], new Date((await archive.time()).getTime() + 1));
      assert.deepEqual(
        (await archive.problems(pair.id)).map((problem) => [problem.pairId, problem.name]),
        [[pair.id, 'b']],
      );
    });
  });
}

function describeListed(open: OpenArchive): void {
  describe('listings and tombstones', () => {
    it('listed objects are recorded where nothing was known, and marked upstream elsewhere', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, {
        local: { local: localFile(1) },
        deleted: { remote: ABSENT },
        other: { remote: remoteFile(9) },
      });
      await archive.mark(pair.id, 'local', [name('pending')]);
      const candidate = await candidateOf(fixture, 'pending');
      const serial = await nextSerial(fixture);
      const decision = {
        serial,
        action: 'upload',
        displaced: 'recoverable',
        reason: 'new',
        attempts: 0,
      } as const;
      const outcome = { kind: 'decided', decision } as const;
      await archive.record(pair.id, [{ candidate, local: null, remote: null, outcome, problem: null }], []);
      const names = ['deleted', 'fresh', 'other', 'pending'];
      await archive.recordListed(
        pair.id,
        names.map((each) => ({ name: name(each), state: remoteFile(5) })),
      );
      const found = await archive.candidates(pair.id, 10);
      assert.deepEqual(
        found.map(({ entry, sides }) => [
          entry.name,
          sides,
          entry.remote.kind === 'file' && entry.remote.size,
        ]),
        [
          ['deleted', 'remote', false],
          ['fresh', 'local', 5],
          ['other', 'remote', 9],
        ],
      );
      // The upload was decided for an absent object: its precondition must not become the listed one.
      assert.deepEqual((await entryOf(fixture, 'pending')).remote, ABSENT);
    });

    it('what a listing showed of a pending decision ends with it where that is what it made', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const upload = { local: localFile(5), decision: ['upload'] } as const;
      const removal = {
        remote: remoteFile(5),
        sync: { kind: 'file', size: 5, hash: 'hash-5' },
        decision: ['delete-remote'],
      } as const;
      await give(fixture, {
        'another-content': upload,
        'hinted-after': upload,
        'hinted-before': upload,
        'hinted-here': upload,
        'listed-anew': upload,
        'not-carried-out': upload,
        removed: removal,
        same: upload,
      });
      const list = (each: string, state: RemoteState) =>
        archive.recordListed(pair.id, [{ name: name(each), state }]);
      await list('another-content', remoteFile(4));
      await list('hinted-after', remoteFile(5));
      await archive.mark(pair.id, 'remote', [name('hinted-after')]);
      await archive.mark(pair.id, 'remote', [name('hinted-before')]);
      await list('hinted-before', remoteFile(5));
      await archive.mark(pair.id, 'local', [name('hinted-here')]);
      await list('hinted-here', remoteFile(5));
      await list('listed-anew', remoteFile(4));
      await list('listed-anew', remoteFile(5));
      await list('not-carried-out', remoteFile(5));
      await list('removed', ABSENT);
      await list('same', remoteFile(5));
      for (const each of [
        'another-content',
        'hinted-after',
        'hinted-before',
        'hinted-here',
        'listed-anew',
        'removed',
        'same',
      ])
        await archive.acknowledge(pair.id, [doneWith(await entryOf(fixture, each))], NO_EFFECTS);
      const { decision } = await entryOf(fixture, 'not-carried-out');
      const problem = { code: 'name-unsyncable', text: 'x' };
      const refused = { name: name('not-carried-out'), serial: decision?.serial ?? assert.fail() };
      await archive.release(pair.id, [{ ...refused, outcome: { kind: 'refused', problem } }], NO_EFFECTS);
      const found = await archive.candidates(pair.id, 10);
      assert.deepEqual(
        found.map(({ entry, sides }) => [entry.name, sides]),
        [
          ['another-content', 'remote'],
          ['hinted-after', 'remote'],
          ['hinted-before', 'remote'],
          ['hinted-here', 'local'],
          ['not-carried-out', 'remote'],
        ],
      );
    });

    it('a listing that shows what is remembered by now marks nothing, nor does one that lacks an unknown name', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { known: { remote: remoteFile(5) }, gone: { local: localFile(1) } });
      await archive.recordListed(pair.id, [
        { name: name('gone'), state: ABSENT },
        { name: name('known'), state: remoteFile(5) },
        { name: name('unknown'), state: ABSENT },
      ]);
      assert.deepEqual(await archive.candidates(pair.id, 10), []);
      assert.equal((await entryOf(fixture, 'known')).remoteSerial > 0n, true);
      await archive.recordListed(pair.id, [{ name: name('known'), state: ABSENT }]);
      assert.equal((await candidateOf(fixture, 'known')).sides, 'remote');
    });

    it('tombstones are purged a week after their last change, nothing else is', async (t) => {
      const fixture = await open(t);
      const { archive, registry, pair } = fixture;
      await give(fixture, {
        dead: {},
        alive: { local: localFile(1) },
        pending: { decision: ['upload'] },
        marked: {},
      });
      await archive.mark(pair.id, 'local', [name('marked')]);
      await fixture.passTime(8 * 24 * 3_600_000);
      await give(fixture, { fresh: {} });
      await registry.finishPoll(pair.id, 1n);
      const names = ['alive', 'dead', 'fresh', 'marked', 'pending'].map(name);
      const known = (await archive.load(pair.id, names)).filter(({ localSerial }) => localSerial > 0n);
      assert.deepEqual(
        known.map((entry) => entry.name),
        ['alive', 'fresh', 'marked', 'pending'],
      );
    });
  });
}
