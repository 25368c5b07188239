/** Conformance of dispatch: what runs when, and that everything runs in the end. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Action, Displaced } from '#core/decide.ts';
import type { LocalState, RemoteState } from '#core/state.ts';
import {
  doneWith,
  entryOf,
  type Given,
  give,
  LOCAL_DIRECTORY,
  localFile,
  NO_EFFECTS,
  newPair,
  type OpenArchive,
  type OpenedArchive,
  REMOTE_DIRECTORY,
  remoteFile,
} from './archive-fixtures.ts';

const HOLD_MS = 60_000;

const upload = (size: number): Given => ({ local: localFile(size), decision: ['upload'] });
const download = (size: number): Given => ({ remote: remoteFile(size), decision: ['download'] });
const removalHere: Given = { local: localFile(1), decision: ['delete-local'] };
const treeRemovalHere: Given = { local: LOCAL_DIRECTORY, decision: ['delete-local'] };

async function dispatched(
  { archive, pair }: Pick<OpenedArchive, 'archive' | 'pair'>,
  window = 100,
): Promise<string[]> {
  return (await archive.dispatch(pair.id, window, HOLD_MS)).map((each) => each.name);
}

async function finish(fixture: OpenedArchive, ...names: string[]): Promise<void> {
  const entries = await Promise.all(names.map((each) => entryOf(fixture, each)));
  const done = await fixture.archive.acknowledge(fixture.pair.id, entries.map(doneWith), NO_EFFECTS);
  assert.equal(done.size, names.length);
}

function backlogOfBoth(): Record<string, Given> {
  const indexes = Array.from({ length: 40 }, (_, index) => 10 + index);
  const creations = indexes.map((index) => [`up${index}`, upload(1)] as const);
  return Object.fromEntries([
    ...creations,
    ...indexes.map((index) => [`gone${index}`, removalHere] as const),
  ]);
}

/** What goes out round after round when each round is carried out. */
async function rounds(fixture: OpenedArchive, states: Readonly<Record<string, Given>>): Promise<string[][]> {
  await give(fixture, states);
  const seen: string[][] = [];
  for (;;) {
    const names = await dispatched(fixture);
    if (names.length === 0) return seen;
    seen.push(names);
    await finish(fixture, ...names);
  }
}

const CASES: readonly {
  readonly title: string;
  readonly given: Record<string, Given>;
  readonly rounds: string[][];
}[] = [
  {
    title: 'uploads wait for nothing, and their directories are first',
    given: { 'd/f': upload(1), d: { local: LOCAL_DIRECTORY, decision: ['upload'] } },
    rounds: [['d', 'd/f']],
  },
  {
    title: 'a directory comes here before what is in it, at every depth',
    given: {
      a: { remote: REMOTE_DIRECTORY, decision: ['download'] },
      'a/b': { remote: REMOTE_DIRECTORY, decision: ['download'] },
      'a/b/c': download(1),
      'a/d': upload(1),
    },
    rounds: [['a'], ['a/b', 'a/d'], ['a/b/c']],
  },
  {
    title: 'a sibling that sorts between a directory and its contents does not wait with them',
    given: {
      a: { remote: REMOTE_DIRECTORY, decision: ['download'] },
      'a-b': download(1),
      'a.c': upload(1),
      'a/x': download(1),
      a0: download(1),
    },
    rounds: [['a', 'a-b', 'a.c', 'a0'], ['a/x']],
  },
  {
    title: 'contents are removed before their directory, backwards',
    given: { a: treeRemovalHere, 'a/b': treeRemovalHere, 'a/b/c': removalHere, 'a/d': removalHere },
    rounds: [['a/d', 'a/b/c'], ['a/b'], ['a']],
  },
  {
    title: 'a directory upstream goes after the objects below it',
    given: {
      a: { remote: REMOTE_DIRECTORY, decision: ['delete-remote'] },
      'a/b': { remote: remoteFile(1), decision: ['delete-remote'] },
    },
    rounds: [['a/b'], ['a']],
  },
  {
    title: 'a directory is not removed while anything below it is pending, creations included',
    given: { a: treeRemovalHere, 'a/new': upload(1) },
    rounds: [['a/new'], ['a']],
  },
  {
    title: 'a file here takes the place of a directory upstream after its objects are gone',
    given: {
      a: { local: localFile(3), remote: REMOTE_DIRECTORY, decision: ['upload'] },
      'a/b': { remote: remoteFile(1), decision: ['delete-remote'] },
    },
    rounds: [['a/b'], ['a']],
  },
  {
    title: 'a file from upstream takes the place of a directory here after its contents are gone',
    given: {
      a: { local: LOCAL_DIRECTORY, remote: remoteFile(3), decision: ['download'] },
      'a/b': removalHere,
    },
    rounds: [['a/b'], ['a']],
  },
  {
    title: 'a tree moves aside before anything in it runs, removals included',
    given: {
      a: { local: LOCAL_DIRECTORY, remote: remoteFile(3), decision: ['download', 'conflict-copy'] },
      'a/b': upload(1),
      'a/c': removalHere,
      z: { local: LOCAL_DIRECTORY, decision: ['delete-local', 'conflict-copy'] },
      'z/b': upload(1),
    },
    rounds: [
      ['a', 'z'],
      ['a/b', 'z/b', 'a/c'],
    ],
  },
  {
    title: 'a removal does not wait for a directory that comes here',
    given: { a: { remote: REMOTE_DIRECTORY, decision: ['download'] }, 'a/b': removalHere },
    rounds: [['a', 'a/b']],
  },
  {
    title: 'what is settled by a conflict comes before what is below it',
    given: {
      a: { local: localFile(1), remote: remoteFile(2), decision: ['upload', 'conflict-copy'] },
      'a/b': upload(1),
    },
    rounds: [['a'], ['a/b']],
  },
];

export function describeDispatch(open: OpenArchive): void {
  describeOrder(open);
  describeWindow(open);
}

function describeOrder(open: OpenArchive): void {
  describe('the order of decisions', () => {
    for (const each of CASES) {
      it(each.title, async (t) => {
        const fixture = await open(t);
        assert.deepEqual(await rounds(fixture, each.given), each.rounds);
      });
    }

    it('a dispatched decision says what it moves', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, {
        a: upload(11),
        b: download(22),
        c: removalHere,
        d: { local: LOCAL_DIRECTORY, decision: ['upload'] },
      });
      const { decision } = await entryOf(fixture, 'a');
      const out = await archive.dispatch(pair.id, 10, HOLD_MS);
      assert.deepEqual(out[0], { name: 'a', serial: decision?.serial, action: 'upload', size: 11 });
      assert.deepEqual(
        out.map(({ action, size }) => [action, size]),
        [
          ['upload', 11],
          ['download', 22],
          ['upload', 0],
          ['delete-local', 0],
        ],
      );
    });

    it('whatever is pending in whatever tree, repeated dispatching carries all of it out', async (t) => {
      const fixture = await open(t);
      const segment = fc.constantFrom('a', 'a-b', 'b');
      const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
      const action = fc.constantFrom<Action>('upload', 'download', 'delete-remote', 'delete-local');
      const displaced = fc.constantFrom<Displaced>('recoverable', 'conflict-copy');
      const local = fc.constantFrom<LocalState>(localFile(1), LOCAL_DIRECTORY);
      const remote = fc.constantFrom<RemoteState>(remoteFile(1), REMOTE_DIRECTORY, { kind: 'absent' });
      const given = fc.record({ local, remote, decision: fc.tuple(action, displaced) });
      let run = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.dictionary(path, given, { minKeys: 1, maxKeys: 25 }),
          fc.integer({ min: 1, max: 6 }),
          async (states, window) => {
            run += 1;
            const pair = await fixture.registry.addPair(newPair(fixture.pair.store.id, `run-${run}`));
            const own = { ...fixture, pair };
            await give(own, states);
            const done = new Set<string>();
            for (;;) {
              const names = await dispatched(own, window);
              assert.ok(names.length <= window);
              if (names.length === 0) break;
              await finish(own, ...names);
              for (const each of names) done.add(each);
            }
            assert.deepEqual([...done].sort(), Object.keys(states).sort());
          },
        ),
        { numRuns: 40 },
      );
    });
  });
}

function describeWindow(open: OpenArchive): void {
  describe('the window', () => {
    it('no more than the window is out, claimed ones included, until holds end', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { a: upload(1), b: upload(1), c: upload(1), d: upload(1) });
      const out = await archive.dispatch(pair.id, 2, HOLD_MS);
      assert.deepEqual(
        out.map((each) => each.name),
        ['a', 'b'],
      );
      await archive.claim(pair.id, out.slice(0, 1), 'worker', HOLD_MS);
      assert.deepEqual(await dispatched(fixture, 2), []);
      assert.deepEqual(await dispatched(fixture, 3), ['c']);
      await archive.forgetDispatched();
      assert.deepEqual(await dispatched(fixture, 3), ['b', 'c']);
      await fixture.passTime(HOLD_MS);
      assert.deepEqual(await dispatched(fixture, 4), ['a', 'b', 'c', 'd']);
    });

    it('dispatches at once hand every decision out once and keep the window', async (t) => {
      const fixture = await open(t);
      const states = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`f${index}`, upload(1)]));
      await give(fixture, states);
      const results = await Promise.all(Array.from({ length: 6 }, () => dispatched(fixture, 20)));
      assert.equal(results.flat().length, 20);
      assert.equal(new Set(results.flat()).size, 20);
    });

    it('a backlog of creations leaves room for removals, and the other way round', async (t) => {
      const fixture = await open(t);
      await give(fixture, backlogOfBoth());
      const out = await dispatched(fixture, 20);
      assert.deepEqual([out.length, out.filter((each) => each.startsWith('gone')).length], [20, 5]);
    });

    it('of a backlog of both, whatever ends makes room for its like', async (t) => {
      const fixture = await open(t);
      await give(fixture, backlogOfBoth());
      assert.deepEqual(await dispatched(fixture, 3), ['up10', 'up11', 'gone49']);
      await finish(fixture, 'gone49');
      assert.deepEqual(await dispatched(fixture, 3), ['gone48']);
      await finish(fixture, 'up10');
      assert.deepEqual(await dispatched(fixture, 3), ['up12']);
    });
  });
}
