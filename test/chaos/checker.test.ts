/** The checker: each kind of harm, made on purpose, is found, and what users do themselves is not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Evidence, judge, plainName } from '../../scripts/chaos/checker.ts';
import type { ContainerAct } from '../../scripts/chaos/container-user.ts';
import type { Journal } from '../../scripts/chaos/journal.ts';
import { type Content, Ledger, swiftDigest } from '../../scripts/chaos/ledger.ts';
import type { RawVersion } from '../../scripts/chaos/raw-container.ts';

const JOURNAL: Journal = { note: () => undefined, counts: new Map() };
const COPY = 'a_20261122T210506.007Z_chaos.txt';

interface Scene {
  readonly ledger: Ledger;
  readonly folder?: Readonly<Record<string, Content | string>>;
  readonly container?: Readonly<Record<string, Content | string>>;
  readonly trash?: readonly Content[];
  readonly versions?: Readonly<Record<string, readonly RawVersion[]>>;
  readonly acts?: readonly ContainerAct[];
  readonly attempts?: readonly string[];
  readonly localMayWin?: boolean;
}

function newLedger(): Ledger {
  return new Ledger('pair', swiftDigest, JOURNAL);
}

function write(ledger: Ledger, id: string, name: string): Content {
  return ledger.enter(id, Buffer.from(`content ${id}\n`), 'pair/folder', name);
}

function evidenceOf(scene: Scene): Evidence {
  const side = (given: Scene['folder'] = {}) => ({
    files: new Map(
      Object.entries(given).map(([name, what]) => [name, typeof what === 'string' ? what : what.md5]),
    ),
    directories: new Set<string>(),
  });
  return {
    ledger: scene.ledger,
    folder: side(scene.folder),
    container: side(scene.container),
    privateFolder: {
      trash: new Set((scene.trash ?? []).map((content) => content.md5)),
      attempts: scene.attempts ?? [],
    },
    versions: new Map(Object.entries(scene.versions ?? {})),
    acts: scene.acts ?? [],
    partial: [],
    localMayWin: scene.localMayWin ?? false,
  };
}

function kindsOf(scene: Scene): string[] {
  return judge(evidenceOf(scene)).findings.map(({ kind }) => kind);
}

const version = (id: string, content: Content | null): RawVersion => ({
  id,
  kind: content === null ? 'deleted' : 'file',
  hash: content?.storeHash ?? '',
});

describe('contents', () => {
  it('at the same name on both sides are well', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    assert.deepEqual(kindsOf({ ledger, folder: { 'a.txt': a }, container: { 'a.txt': a } }), []);
  });

  it('that nobody took away and that are nowhere are lost', () => {
    const ledger = newLedger();
    write(ledger, '1', 'a.txt');
    assert.deepEqual(kindsOf({ ledger }), ['lost']);
  });

  it('that are only in the trash or a version are buried', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    const b = write(ledger, '2', 'b.txt');
    const scene = { ledger, trash: [a], versions: { 'b.txt': [version('2', null), version('1', b)] } };
    assert.deepEqual(kindsOf(scene), ['buried', 'buried']);
  });

  it('that a folder user took away may be gone', () => {
    const ledger = newLedger();
    ledger.removed(write(ledger, '1', 'a.txt'), 'deleted');
    assert.deepEqual(kindsOf({ ledger }), []);
  });

  it('just below the write or delete of a container user may be gone', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    const b = write(ledger, '2', 'a.txt');
    const versions = { 'a.txt': [version('3', null), version('2', b), version('1', a)] };
    const acts = [
      { name: 'a.txt', how: 'replaced', made: '2', saw: a.storeHash },
      { name: 'a.txt', how: 'deleted', made: '3', saw: b.storeHash },
    ];
    assert.deepEqual(kindsOf({ ledger, versions, acts }), []);
  });

  it('below a write of somebody else, or below a delete before the user came, may not', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    const b = write(ledger, '2', 'a.txt');
    const versions = { 'a.txt': [version('3', b), version('2', null), version('1', a)] };
    const acts = [{ name: 'a.txt', how: 'created', made: '3', saw: null }];
    const scene = { ledger, folder: { 'a.txt': b }, container: { 'a.txt': b }, versions, acts };
    assert.deepEqual(kindsOf(scene), ['buried']);
    assert.deepEqual(kindsOf({ ...scene, acts: [] }), ['buried']);
  });

  it('that came to a name while its object was being moved away may be gone', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    const b = write(ledger, '2', 'a.txt');
    const left = { name: 'a.txt', how: 'moved it to b.txt, from', made: '4', saw: null, moved: a.storeHash };
    const versions = { 'a.txt': [version('4', null), version('3', b), version('1', a)] };
    const scene = { ledger, folder: { 'b.txt': a }, container: { 'b.txt': a }, acts: [left] };
    ledger.placed(a, 'b.txt', 'pair/container');
    assert.deepEqual(kindsOf({ ...scene, versions }), []);
  });

  it('that were moved away are not gone by that', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    const left = { name: 'a.txt', how: 'moved it to b.txt, from', made: '4', saw: null, moved: a.storeHash };
    const versions = { 'a.txt': [version('4', null), version('1', a)] };
    assert.deepEqual(kindsOf({ ledger, versions, acts: [left] }), ['buried']);
  });

  it('that a store without delete markers says to have taken may be gone', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    const versions = { 'a.txt': [version('1', a)] };
    assert.deepEqual(
      kindsOf({
        ledger,
        versions,
        acts: [{ name: 'a.txt', how: 'deleted', made: null, took: '1', saw: a.storeHash }],
      }),
      [],
    );
  });

  it('that a user may have met unseen are no finding while they are kept, and lost when they are not', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    Object.assign(a, { writtenAt: '2020-01-01T00:00:00.000Z' });
    ledger.blind('a.txt', 'saved over');
    assert.deepEqual(kindsOf({ ledger, trash: [a] }), []);
    assert.deepEqual(kindsOf({ ledger }), ['lost']);
  });

  it('that were there before an act whose history holds another below it are no finding while they are kept', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    const takenBack = write(ledger, '2', 'b.txt');
    const b = write(ledger, '3', 'a.txt');
    const versions = { 'a.txt': [version('3', b), version('2', takenBack), version('1', a)] };
    const side = { 'a.txt': b };
    const scene = { ledger, folder: side, container: side, versions };
    const act = { name: 'a.txt', how: 'replaced', made: '3' };
    assert.deepEqual(kindsOf({ ...scene, acts: [{ ...act, saw: takenBack.storeHash }] }), ['buried']);
    assert.deepEqual(kindsOf({ ...scene, acts: [{ ...act, saw: a.storeHash }] }), []);
  });

  it('whose write failed are nobody’s loss', () => {
    const ledger = newLedger();
    ledger.withdraw(write(ledger, '1', 'a.txt'), 'ENOSPC');
    assert.deepEqual(kindsOf({ ledger }), []);
  });
});

describe('copies', () => {
  it('of content that lost its name are as it should be', () => {
    const ledger = newLedger();
    const [a, b] = [write(ledger, '1', 'a.txt'), write(ledger, '2', 'a.txt')];
    const both = { 'a.txt': b, [COPY]: a };
    assert.deepEqual(kindsOf({ ledger, folder: both, container: both }), []);
  });

  it('beside the same content are duplicates', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    const both = { 'a.txt': a, [COPY]: a };
    assert.deepEqual(kindsOf({ ledger, folder: both, container: both }), ['duplicated']);
  });

  it('are spare beside their conflict copy where what is here may win, as it is made ahead', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    const both = { 'a.txt': a, [COPY]: a };
    const verdict = judge(evidenceOf({ ledger, folder: both, container: both, localMayWin: true }));
    assert.deepEqual([verdict.findings, verdict.counts.spare], [[], 1]);
    const copies = { [COPY]: a, [COPY.replace('_chaos', '_chaos-2')]: a };
    assert.deepEqual(kindsOf({ ledger, folder: copies, container: copies, localMayWin: true }), [
      'duplicated',
    ]);
  });

  it('at a name that no user gave are duplicates, at two that users gave are not', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    const both = { 'a.txt': a, 'd/b.txt': a };
    assert.deepEqual(kindsOf({ ledger, folder: both, container: both }), ['duplicated']);
    ledger.placed(a, 'd/b.txt', 'pair/container');
    assert.deepEqual(kindsOf({ ledger, folder: both, container: both }), []);
  });

  it('are no finding at a name that an operator brought back', () => {
    const ledger = newLedger();
    const a = write(ledger, '1', 'a.txt');
    const side = { 'a.txt': a, [COPY]: a };
    assert.deepEqual(kindsOf({ ledger, folder: side, container: side }), ['duplicated']);
    ledger.broughtBack(COPY);
    assert.deepEqual(kindsOf({ ledger, folder: side, container: side }), []);
  });

  it('are known by their marks, in every segment', () => {
    assert.equal(plainName(COPY), 'a.txt');
    assert.equal(plainName('d_20261122T210506.007Z_chaos/b_20261122T210506.007Z_chaos-2'), 'd/b');
    assert.equal(plainName('a_20261122T210506.007Z_chaos_20261122T210507.007Z_chaos.txt'), 'a.txt');
    assert.equal(plainName('a_b.txt'), 'a_b.txt');
  });
});

describe('sides', () => {
  it('that differ have diverged', () => {
    const ledger = newLedger();
    const [a, b] = [write(ledger, '1', 'a.txt'), write(ledger, '2', 'a.txt')];
    ledger.removed(a, 'saved over');
    ledger.removed(b, 'saved over');
    assert.deepEqual(kindsOf({ ledger, folder: { 'a.txt': a }, container: { 'a.txt': b } }), ['diverged']);
    assert.deepEqual(kindsOf({ ledger, folder: { 'a.txt': a } }), ['diverged']);
    assert.deepEqual(kindsOf({ ledger, container: { 'a.txt': b } }), ['diverged']);
  });

  it('that hold what nobody wrote whole hold a partial file', () => {
    const ledger = newLedger();
    const scene = { folder: { 'a.txt': 'f'.repeat(32) }, container: { 'a.txt': 'f'.repeat(32) } };
    assert.deepEqual(kindsOf({ ledger, ...scene }), ['partial', 'partial']);
    const empty = 'd41d8cd98f00b204e9800998ecf8427e';
    assert.deepEqual(
      kindsOf({ ledger, folder: { 'zero.txt': empty }, container: { 'zero.txt': empty } }),
      [],
    );
    assert.deepEqual(kindsOf({ ledger, folder: { 'a.txt': empty }, container: { 'a.txt': empty } }), [
      'partial',
      'partial',
    ]);
  });

  it('with leftovers of a commit are stuck', () => {
    assert.deepEqual(kindsOf({ ledger: newLedger(), attempts: ['x'] }), ['stuck']);
  });
});
