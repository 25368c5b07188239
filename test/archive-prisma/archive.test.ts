/** Archive on a real PostgreSQL: what is written comes back, and every write is a compare-and-set. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { compareNames, type Name } from '#core/name.ts';
import { laterSerial } from '#core/serial.ts';
import { ABSENT, type LocalState, type RemoteState } from '#core/state.ts';
import type { Candidate, ProbeRecord } from '#ports/archive.ts';
import {
  candidateOf,
  entryOf,
  type Fixture,
  give,
  LOCAL_DIRECTORY,
  localFile,
  name,
  openFixture,
  query,
  REMOTE_DIRECTORY,
  remoteFile,
} from './fixtures.ts';

const settled = { kind: 'settled' } as const;

async function nextSerial({ archive }: Fixture) {
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

test('every state comes back exactly as it was recorded', async (t) => {
  const fixture = await openFixture(t);
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
  for (const [label, remote] of Object.entries(REMOTE_STATES)) await give(fixture, { [label]: { remote } });
  const remotePage = await archive.pageRemote(pair.id, null, 100);
  assert.deepEqual(
    remotePage.map((item) => [item.name, item.state]),
    ['directory', 'file', 'manifest', 'untimed'].map((label) => [label, REMOTE_STATES[label]]),
  );
});

test('names are paged in byte order, whatever characters they have', async (t) => {
  const fixture = await openFixture(t);
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

test('loading keeps the given order, and a name without a row is absent on all sides', async (t) => {
  const fixture = await openFixture(t);
  await give(fixture, { b: { local: localFile(1) }, 'dir/x': { remote: remoteFile(1) } });
  const entries = await fixture.archive.load(fixture.pair.id, [name('z'), name('b'), name('dir'), name('z')]);
  assert.deepEqual(
    entries.map((entry) => [entry.name, entry.local.kind, entry.localSerial > 0n, entry.remoteHasChildren]),
    [
      ['z', 'absent', false, false],
      ['b', 'file', true, false],
      ['dir', 'absent', false, true],
      ['z', 'absent', false, false],
    ],
  );
});

test('an object below a name implies a directory, a sibling does not', async (t) => {
  const fixture = await openFixture(t);
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

test('marking adds up sides, and names are candidates in byte order', async (t) => {
  const { archive, pair } = await openFixture(t);
  await archive.mark(pair.id, 'local', [name('b'), name('a'), name('b')]);
  await archive.mark(pair.id, 'remote', [name('b')]);
  const found = await archive.candidates(pair.id, 10);
  assert.deepEqual(
    found.map(({ entry, sides }) => [entry.name, sides]),
    [
      ['a', 'local'],
      ['b', 'both'],
    ],
  );
  assert.equal((await archive.candidates(pair.id, 1)).length, 1);
});

test('a marking that arrives during a probe survives the recording', async (t) => {
  const fixture = await openFixture(t);
  const { archive, pair } = fixture;
  await archive.mark(pair.id, 'local', [name('a')]);
  const candidate = await candidateOf(fixture, 'a');
  await archive.mark(pair.id, 'local', [name('a')]);
  const local = { state: localFile(1), serial: await nextSerial(fixture) };
  const found: ProbeRecord = { candidate, local, remote: null, outcome: settled, problem: null };
  assert.deepEqual([...(await archive.record(pair.id, [found], []))], ['a']);
  assert.equal((await candidateOf(fixture, 'a')).sides, 'local');
  const again = { ...found, candidate: await candidateOf(fixture, 'a'), local: null };
  await archive.record(pair.id, [again], []);
  assert.deepEqual(await archive.candidates(pair.id, 10), []);
});

test('of recordings at once one is written, and only its events', async (t) => {
  const fixture = await openFixture(t);
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

test('an acknowledgement without transfer fences recordings that began before it', async (t) => {
  const fixture = await openFixture(t);
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

test('nothing is recorded over a pending decision', async (t) => {
  const fixture = await openFixture(t);
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

test('a postponed candidate keeps its marking and comes back when due; a new marking hurries it', async (t) => {
  const fixture = await openFixture(t);
  const { archive, pair } = fixture;
  const postpone = async (at: number, problem: ProbeRecord['problem'] = null) => {
    const candidate = await candidateOf(fixture, 'a');
    const outcome = { kind: 'later', at } as const;
    await archive.record(pair.id, [{ candidate, local: null, remote: null, outcome, problem }], []);
  };
  await archive.mark(pair.id, 'local', [name('a')]);
  await postpone(Date.now() - 1_000);
  await postpone(Date.now() + 300_000);
  assert.deepEqual(await archive.candidates(pair.id, 10), []);
  await archive.mark(pair.id, 'local', [name('a')]);
  // A test that waits for ever fails by its time limit.
  while ((await archive.candidates(pair.id, 10)).length === 0) await delay(100);
});

test('a postponed candidate with an open problem is no work until it is marked again', async (t) => {
  const fixture = await openFixture(t);
  const { archive, pair } = fixture;
  const work = async () => (await archive.counts(pair.id)).candidates;
  const fail = async (candidate: Candidate, at: number) => {
    const outcome = { kind: 'later', at } as const;
    const problem = { code: 'local-io', text: 'x' };
    await archive.record(pair.id, [{ candidate, local: null, remote: null, outcome, problem }], []);
  };
  await archive.mark(pair.id, 'local', [name('a')]);
  await fail(await candidateOf(fixture, 'a'), Date.now() - 1_000);
  assert.equal(await work(), 0, 'due again, but nothing new');
  await archive.mark(pair.id, 'local', [name('a')]);
  assert.equal(await work(), 1);
  const candidate = await candidateOf(fixture, 'a');
  await fail(candidate, Date.now() + 300_000);
  assert.equal(await work(), 0);
  await archive.mark(pair.id, 'local', [name('a')]);
  await fail(candidate, Date.now() + 300_000);
  assert.equal(await work(), 1, 'marked while it was probed');
});

test('a problem is opened by a recording, keeps its first time, and is closed by the next without one', async (t) => {
  const fixture = await openFixture(t);
  const { archive, pair } = fixture;
  const found = async (problem: ProbeRecord['problem']) => {
    await archive.mark(pair.id, 'local', [name('a')]);
    const candidate = await candidateOf(fixture, 'a');
    await archive.record(pair.id, [{ candidate, local: null, remote: null, outcome: settled, problem }], []);
    return archive.problems(pair.id);
  };
  const [first] = await found({ code: 'name-twin', text: 'one' });
  const [second] = await found({ code: 'name-twin', text: 'two' });
  assert.deepEqual([second?.name, second?.code, second?.text], ['a', 'name-twin', 'two']);
  assert.deepEqual(second?.firstSeenAt, first?.firstSeenAt);
  assert.ok((second?.lastSeenAt ?? 0) > (first?.lastSeenAt ?? 0));
  assert.deepEqual(await found(null), []);
});

test('problems of a walk close by code when no longer met; names of any length are held', async (t) => {
  const { archive, pair } = await openFixture(t);
  const long = '\\xff'.repeat(3_000);
  await archive.openProblem(pair.id, long, { code: 'name-too-long', text: 'old' });
  await archive.openProblem(pair.id, `${long}!`, { code: 'name-too-long', text: 'old' });
  await archive.openProblem(pair.id, 'b', { code: 'other', text: 'old' });
  assert.equal((await archive.problems(null)).length, 3);
  await archive.closeProblems(pair.id, ['name-too-long'], 60_000);
  assert.equal((await archive.problems(null)).length, 3, 'what was seen since then stays');
  await archive.closeProblems(pair.id, ['name-too-long'], 0);
  assert.deepEqual(
    (await archive.problems(pair.id)).map((problem) => [problem.pairId, problem.name]),
    [[pair.id, 'b']],
  );
});

test('listed objects are recorded where nothing was known, and marked upstream elsewhere', async (t) => {
  const fixture = await openFixture(t);
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
    found.map(({ entry, sides }) => [entry.name, sides, entry.remote.kind === 'file' && entry.remote.size]),
    [
      ['deleted', 'remote', false],
      ['fresh', 'local', 5],
      ['other', 'remote', 9],
    ],
  );
  // The upload was decided for an absent object: its precondition must not become the listed one.
  assert.deepEqual((await entryOf(fixture, 'pending')).remote, ABSENT);
});

test('serials only grow and are never issued twice, also by callers at once', async (t) => {
  const fixture = await openFixture(t);
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
  await registry.resetEntries(pair.id, null);
  await give(fixture, { a: { local: localFile(1) } });
  assert.ok((await entryOf(fixture, 'a')).localSerial > used);
  assert.ok(used > all.reduce(laterSerial));
});

test('marking below a name takes what either side remembers there, and work below is seen', async (t) => {
  const fixture = await openFixture(t);
  const { archive, pair } = fixture;
  await give(fixture, {
    a: { local: LOCAL_DIRECTORY, decision: ['upload'] },
    'a-b': { local: localFile(1) },
    'a/gone': {},
    'a/here': { local: localFile(1) },
    'a/there': { remote: REMOTE_DIRECTORY },
  });
  assert.equal(await archive.hasWorkBelow(pair.id, name('a')), false);
  await archive.markBelow(pair.id, 'remote', name('a'));
  assert.deepEqual(
    (await archive.candidates(pair.id, 10)).map(({ entry, sides }) => [entry.name, sides]),
    [
      ['a/here', 'remote'],
      ['a/there', 'remote'],
    ],
  );
  assert.equal(await archive.hasWorkBelow(pair.id, name('a')), true);
  assert.equal(await archive.hasWorkBelow(pair.id, name('a-b')), false);
});

test('the end of the last object makes every directory that it implied a candidate', async (t) => {
  const fixture = await openFixture(t);
  const { archive, pair } = fixture;
  const implied = { local: LOCAL_DIRECTORY, sync: { kind: 'directory' } } as const;
  const file = {
    local: localFile(1),
    remote: remoteFile(1),
    sync: { kind: 'file', size: 1, hash: 'hash-1' },
  } as const;
  await give(fixture, {
    a: implied,
    'a/b': implied,
    'a/b/1': file,
    'a/b/2': file,
    kept: implied,
    'kept/x': file,
  });
  const vanish = async (...names: string[]) => {
    await archive.mark(pair.id, 'remote', names.map(name));
    for (const each of names) {
      const candidate = await candidateOf(fixture, each);
      const remote = { state: ABSENT, serial: await nextSerial(fixture) };
      await archive.record(
        pair.id,
        [{ candidate, local: null, remote, outcome: settled, problem: null }],
        [],
      );
    }
    return (await archive.candidates(pair.id, 10)).map(({ entry, sides }) => [entry.name, sides]);
  };
  assert.deepEqual(await vanish('a/b/1'), []);
  assert.deepEqual(await vanish('a/b/2'), [
    ['a', 'remote'],
    ['a/b', 'remote'],
  ]);
});

test('of two that end the last two objects at once, one notices that the directory is empty', async (t) => {
  const fixture = await openFixture(t);
  const { archive, pair } = fixture;
  const file = { remote: remoteFile(1), sync: { kind: 'file', size: 1, hash: 'hash-1' } } as const;
  for (let round = 0; round < 10; round += 1) {
    const names = Array.from({ length: 6 }, (_, index) => `d${round}/${index}`);
    const files = Object.fromEntries(names.map((each) => [each, file]));
    await give(fixture, { [`d${round}`]: { local: LOCAL_DIRECTORY, sync: { kind: 'directory' } }, ...files });
    await archive.mark(pair.id, 'remote', names.map(name));
    const candidates = await archive.candidates(pair.id, 10);
    const serials = await archive.issueSerials(names.length);
    await Promise.all(
      candidates.map((candidate, index) => {
        const remote = { state: ABSENT, serial: serials[index] ?? assert.fail() };
        return archive.record(
          pair.id,
          [{ candidate, local: null, remote, outcome: settled, problem: null }],
          [],
        );
      }),
    );
    const emptied = await candidateOf(fixture, `d${round}`);
    const record: ProbeRecord = {
      candidate: emptied,
      local: null,
      remote: null,
      outcome: settled,
      problem: null,
    };
    await archive.record(pair.id, [record], []);
  }
});

test('ten thousand names are marked, listed, recorded and read in bulk', async (t) => {
  const fixture = await openFixture(t);
  const { archive, pair } = fixture;
  const names = Array.from({ length: 10_000 }, (_, index) => name(`dir/${String(index).padStart(5, '0')}`));
  await archive.mark(pair.id, 'local', names.toReversed());
  await archive.recordListed(
    pair.id,
    names.map((each, index) => ({ name: each, state: remoteFile(index) })),
  );
  const candidates = await archive.candidates(pair.id, 20_000);
  assert.deepEqual(
    candidates.map(({ entry }) => entry.name),
    names,
  );
  const serials = await archive.issueSerials(names.length);
  const records = candidates.map((candidate, index): ProbeRecord => {
    const serial = serials[index] ?? assert.fail();
    const local = { state: localFile(index), serial };
    return { candidate, local, remote: null, outcome: settled, problem: null };
  });
  assert.equal((await archive.record(pair.id, records, [])).size, 10_000);
  const entries = await archive.load(pair.id, names.toReversed());
  assert.deepEqual(
    entries.map(({ local }) => local.kind === 'file' && local.size),
    names.map((_, index) => 9_999 - index),
  );
});

test('tombstones are purged a week after their last change, nothing else is', async (t) => {
  const fixture = await openFixture(t);
  const { archive, registry, pair } = fixture;
  await give(fixture, {
    dead: {},
    fresh: {},
    alive: { local: localFile(1) },
    pending: { decision: ['upload'] },
  });
  await archive.mark(pair.id, 'local', [name('marked')]);
  await ageBy8Days(fixture, ['dead', 'alive', 'pending', 'marked']);
  await registry.finishPoll(pair.id, 1n);
  assert.deepEqual(await rowNames(fixture), ['alive', 'fresh', 'marked', 'pending']);
});

async function ageBy8Days({ url }: Fixture, names: readonly string[]): Promise<void> {
  await query(url, `UPDATE entry SET updated_at = now() - interval '8 days' WHERE name = ANY($1::text[])`, [
    names,
  ]);
}

async function rowNames({ url }: Fixture): Promise<unknown[]> {
  return (await query(url, 'SELECT name FROM entry ORDER BY name', [])).map((row) => row['name']);
}
