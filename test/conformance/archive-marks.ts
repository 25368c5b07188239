/** Conformance of markings: what becomes a candidate, what it waits for, and what ends it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ABSENT } from '#core/state.ts';
import type { Acknowledgement, Candidate, ProbeRecord } from '#ports/archive.ts';
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
  REMOTE_DIRECTORY,
  remoteFile,
} from './archive-fixtures.ts';

const SYNCED = { kind: 'file', size: 1, hash: 'hash-1' } as const;
const settled = { kind: 'settled' } as const;

async function nextSerial({ archive }: OpenedArchive) {
  const [serial] = await archive.issueSerials(1);
  return serial ?? assert.fail('no serial');
}

export function describeMarks(open: OpenArchive): void {
  describeMarking(open);
  describePostponing(open);
  describeEmptied(open);
}

function describeMarking(open: OpenArchive): void {
  describe('marking', () => {
    it('marking adds up sides, and names are candidates in byte order', async (t) => {
      const { archive, pair } = await open(t);
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

    it('names that were synced come before new ones', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const file = { local: localFile(1), remote: remoteFile(1), sync: SYNCED };
      await give(fixture, { c: file, d: file });
      await archive.mark(pair.id, 'local', [name('a'), name('b'), name('c'), name('d')]);
      const next = async (limit: number): Promise<readonly string[]> =>
        (await archive.candidates(pair.id, limit)).map(({ entry }) => entry.name);
      assert.deepEqual(await next(10), ['c', 'd', 'a', 'b']);
      assert.deepEqual(await next(3), ['c', 'd', 'a']);
      assert.deepEqual(await next(1), ['c']);
    });

    it('a marking that arrives during a probe survives the recording', async (t) => {
      const fixture = await open(t);
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

    it('marking below a name takes what either side remembers there, and work below is seen', async (t) => {
      const fixture = await open(t);
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
  });
}

function describePostponing(open: OpenArchive): void {
  describe('postponing', () => {
    it('a postponed candidate keeps its marking and comes back when due; a new marking hurries it', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const postpone = async (at: number, problem: ProbeRecord['problem'] = null) => {
        const candidate = await candidateOf(fixture, 'a');
        const outcome = { kind: 'later', at } as const;
        await archive.record(pair.id, [{ candidate, local: null, remote: null, outcome, problem }], []);
      };
      await archive.mark(pair.id, 'local', [name('a')]);
      await postpone(fixture.clock.now() - 1_000);
      await postpone(fixture.clock.now() + 300_000);
      assert.deepEqual(await archive.candidates(pair.id, 10), []);
      await archive.mark(pair.id, 'local', [name('a')]);
      assert.deepEqual(await archive.candidates(pair.id, 10), []);
      await fixture.passTime(3_000);
      assert.equal((await candidateOf(fixture, 'a')).sides, 'local');
    });

    it('a postponed candidate with an open problem is no work until it is marked again', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const work = async () => (await archive.counts(pair.id)).candidates;
      const fail = async (candidate: Candidate, at: number) => {
        const outcome = { kind: 'later', at } as const;
        const problem = { code: 'local-io', text: 'x' };
        await archive.record(pair.id, [{ candidate, local: null, remote: null, outcome, problem }], []);
      };
      await archive.mark(pair.id, 'local', [name('a')]);
      await fail(await candidateOf(fixture, 'a'), fixture.clock.now() - 1_000);
      assert.equal(await work(), 0, 'due again, but nothing new');
      await archive.mark(pair.id, 'local', [name('a')]);
      assert.equal(await work(), 1);
      const candidate = await candidateOf(fixture, 'a');
      await fail(candidate, fixture.clock.now() + 300_000);
      assert.equal(await work(), 0);
      await archive.mark(pair.id, 'local', [name('a')]);
      await fail(candidate, fixture.clock.now() + 300_000);
      assert.equal(await work(), 1, 'marked while it was probed');
    });
  });
}

function describeEmptied(open: OpenArchive): void {
  describe('the last object below a directory', () => {
    it('the end of the last object makes every directory that it implied a candidate', async (t) => {
      const fixture = await open(t);
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

    it('of two that end the last two objects at once, one notices that the directory is empty', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const file = { remote: remoteFile(1), sync: { kind: 'file', size: 1, hash: 'hash-1' } } as const;
      for (let round = 0; round < 10; round += 1) {
        const names = Array.from({ length: 6 }, (_, index) => `d${round}/${index}`);
        const files = Object.fromEntries(names.map((each) => [each, file]));
        await give(fixture, {
          [`d${round}`]: { local: LOCAL_DIRECTORY, sync: { kind: 'directory' } },
          ...files,
        });
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

    it('a directory that was made here while the last object that implied it ended is looked at again', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, { 'd/1': { remote: remoteFile(1) } });
      await give(fixture, {
        d: { local: localFile(3), sync: { kind: 'file', size: 3, hash: 'hash-3' }, decision: ['download'] },
      });
      const made: Acknowledgement = {
        ...doneWith(await entryOf(fixture, 'd')),
        sync: { kind: 'directory' },
        target: { side: 'local', state: LOCAL_DIRECTORY },
      };
      await archive.mark(pair.id, 'remote', [name('d/1')]);
      const ended: ProbeRecord = {
        candidate: await candidateOf(fixture, 'd/1'),
        local: null,
        remote: { state: ABSENT, serial: await nextSerial(fixture) },
        outcome: settled,
        problem: null,
      };
      await archive.record(pair.id, [ended], []);
      assert.deepEqual([...(await archive.acknowledge(pair.id, [made], NO_EFFECTS))], ['d']);
      const again = await candidateOf(fixture, 'd');
      assert.deepEqual([again.sides, again.entry.remoteHasChildren], ['remote', false]);
    });

    it('a directory that is taken for implied while its last object ends is looked at again', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const file = { remote: remoteFile(1), sync: { kind: 'file', size: 1, hash: 'hash-1' } } as const;
      for (const order of ['object first', 'at once', 'at once', 'at once', 'at once', 'directory first']) {
        const directory = `d${await nextSerial(fixture)}`;
        await give(fixture, { [`${directory}/1`]: file });
        await archive.mark(pair.id, 'local', [name(directory)]);
        await archive.mark(pair.id, 'remote', [name(`${directory}/1`)]);
        const serial = await nextSerial(fixture);
        const implied: ProbeRecord = {
          candidate: await candidateOf(fixture, directory),
          local: { state: LOCAL_DIRECTORY, serial },
          remote: null,
          outcome: { kind: 'acknowledged', sync: { kind: 'directory' }, serial },
          problem: null,
        };
        const ended: ProbeRecord = {
          candidate: await candidateOf(fixture, `${directory}/1`),
          local: null,
          remote: { state: ABSENT, serial: await nextSerial(fixture) },
          outcome: settled,
          problem: null,
        };
        const both = order === 'directory first' ? [implied, ended] : [ended, implied];
        if (order === 'at once') await Promise.all(both.map((one) => archive.record(pair.id, [one], [])));
        else for (const one of both) await archive.record(pair.id, [one], []);
        const again = await candidateOf(fixture, directory);
        assert.deepEqual([again.sides, again.entry.remoteHasChildren], ['remote', false], order);
      }
    });
  });
}
