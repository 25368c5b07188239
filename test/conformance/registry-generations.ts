/** Conformance of generations and unions: begun once something was acknowledged, and never two at once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NO_GENERATIONS, type PairGenerations } from '#core/generation.ts';
import { laterSerial, toSerial } from '#core/serial.ts';
import {
  doneWith,
  entryOf,
  give,
  localFile,
  NO_EFFECTS,
  type OpenArchive,
  type OpenedArchive,
  unionOf,
} from './archive-fixtures.ts';

async function generationsOf({ registry, pair }: OpenedArchive): Promise<PairGenerations> {
  const now = await registry.loadPair(pair.id);
  return now?.generations ?? assert.fail('the pair is gone');
}

async function acknowledgeUpload(fixture: OpenedArchive, name: string): Promise<void> {
  const { archive, pair } = fixture;
  await give(fixture, { [name]: { local: localFile(1), decision: ['upload'] } });
  await archive.acknowledge(pair.id, [doneWith(await entryOf(fixture, name))], NO_EFFECTS);
}

async function issueOne({ archive }: OpenedArchive) {
  const [serial] = await archive.issueSerials(1);
  return serial ?? assert.fail('no serial');
}

export function describeGenerations(open: OpenArchive): void {
  describe('generations', () => {
    it('a generation begins after a transfer was acknowledged, and not again until the next', async (t) => {
      const fixture = await open(t);
      const { registry } = fixture;
      assert.deepEqual(fixture.pair.generations, NO_GENERATIONS);
      await give(fixture, { a: { local: localFile(1), decision: ['upload'] } });
      await registry.beginGenerations(0);
      assert.equal((await generationsOf(fixture)).begun.number, 0, 'a decision changes no side');
      await acknowledgeUpload(fixture, 'b');
      const issued = await issueOne(fixture);
      await registry.beginGenerations(0);
      const { begun } = await generationsOf(fixture);
      assert.equal(begun.number, 1);
      assert.ok(begun.serial > issued);
      await registry.beginGenerations(0);
      assert.equal((await generationsOf(fixture)).begun.number, 1);
      await acknowledgeUpload(fixture, 'c');
      await registry.beginGenerations(60_000);
      assert.equal((await generationsOf(fixture)).begun.number, 1, 'not before its time');
      await registry.beginGenerations(0);
      assert.equal((await generationsOf(fixture)).begun.number, 2);
    });

    it('what is found equal is acknowledged, too, and begins a generation', async (t) => {
      const fixture = await open(t);
      await give(fixture, { a: { sync: { kind: 'file', size: 1, hash: 'h' } } });
      await fixture.registry.beginGenerations(0);
      assert.equal((await generationsOf(fixture)).begun.number, 1);
    });

    it('a side is recorded as told what was begun, and never less than before', async (t) => {
      const fixture = await open(t);
      const { registry, pair } = fixture;
      for (const name of ['a', 'b']) {
        await acknowledgeUpload(fixture, name);
        await registry.beginGenerations(0);
      }
      await registry.confirmGeneration(pair.id, 'local', { number: 2, stamp: 'two' });
      await registry.confirmGeneration(pair.id, 'local', { number: 1, stamp: 'one' });
      await registry.confirmGeneration(pair.id, 'local', { number: 3, stamp: 'three' });
      await registry.confirmGeneration(pair.id, 'remote', { number: 1, stamp: null });
      const { told } = await generationsOf(fixture);
      assert.deepEqual(told, { local: { number: 2, stamp: 'two' }, remote: { number: 1, stamp: null } });
    });

    it('of two who find the same out, one starts the union', async (t) => {
      const fixture = await open(t);
      const { registry, archive, pair } = fixture;
      await give(fixture, { a: { local: localFile(1), decision: ['upload'] } });
      const union = unionOf(pair, { reason: 'the folder was restored' });
      const started = await Promise.all([1, 2, 3].map(() => registry.startUnion(pair.id, union)));
      assert.deepEqual(started.toSorted(), [false, false, true]);
      const now = await registry.loadPair(pair.id);
      assert.equal(now?.union?.reason, 'the folder was restored');
      assert.equal(now?.generations.begun.number, 1);
      assert.equal((await archive.counts(pair.id)).decisions, 0);
      await registry.forgetUnion(pair.id);
      assert.equal((await registry.loadPair(pair.id))?.union, null);
    });

    it('a union looks again at names with a problem, which may be on neither side by now', async (t) => {
      const fixture = await open(t);
      const { registry, archive, pair } = fixture;
      await archive.openProblem(pair.id, 'gone', { code: 'blocked', text: 'something is in its way' });
      await archive.openProblem(pair.id, 'a//b', { code: 'object-name-empty-segment', text: 'no name' });
      await registry.startUnion(pair.id, unionOf(pair));
      const candidates = await archive.candidates(pair.id, 10);
      assert.deepEqual(
        candidates.map(({ entry, sides }) => [entry.name, sides]),
        [['gone', 'both']],
      );
    });

    it('a union takes what a side was told for what it is known to know, and begins a later generation', async (t) => {
      const fixture = await open(t);
      const { registry, pair } = fixture;
      const generation = { number: 7, serial: toSerial(1n), stamp: 'x y' };
      const found = { side: 'local', generation } as const;
      await registry.startUnion(pair.id, unionOf(pair, { found }));
      const { begun, told } = await generationsOf(fixture);
      assert.equal(begun.number, 8);
      assert.deepEqual(told, { local: { number: 7, stamp: 'x y' }, remote: { number: 0, stamp: null } });
      await registry.startUnion(
        pair.id,
        unionOf({ generations: { begun, told } }, { attached: { folder: true, container: null } }),
      );
      assert.deepEqual((await generationsOf(fixture)).told.local, { number: 0, stamp: null });
    });

    it('a restored database issues no serial again: they leap over all that were issued after', async (t) => {
      const fixture = await open(t);
      const { registry, pair } = fixture;
      const before = await issueOne(fixture);
      // What was issued before the folder was told its last generation, and after it.
      const lost = toSerial(before + 1_000_000n);
      const generation = { number: 3, serial: toSerial(before + 10n), stamp: null };
      const union = unionOf(pair, { found: { side: 'local', generation } });
      // Others take serials meanwhile.
      const [serials] = await Promise.all([
        Promise.all(Array.from({ length: 50 }, () => issueOne(fixture))),
        registry.startUnion(pair.id, union),
      ]);
      assert.equal(new Set(serials).size, 50);
      const first = await issueOne(fixture);
      assert.ok(first > lost);
      assert.ok(first > serials.reduce(laterSerial));
      assert.ok((await generationsOf(fixture)).begun.serial > lost);
      // The next pair that finds the same out has nothing left to leap over.
      const again = { side: 'remote', generation: { ...generation, number: 9 } } as const;
      await registry.startUnion(
        pair.id,
        unionOf({ generations: await generationsOf(fixture) }, { found: again }),
      );
      assert.ok((await issueOne(fixture)) < first + 1_000n);
    });

    it('a marker that somebody wrote a huge serial into does not use serials up', async (t) => {
      const fixture = await open(t);
      const { registry, pair } = fixture;
      const generation = { number: 3, serial: toSerial(9_223_372_036_854_775_807n), stamp: null };
      await registry.startUnion(pair.id, unionOf(pair, { found: { side: 'local', generation } }));
      assert.ok((await issueOne(fixture)) < 2n ** 37n);
    });
  });
}
