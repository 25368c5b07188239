/** Conformance of leases: each pair has one owner, a dead one is replaced, and load evens out. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pair } from '#ports/pair.ts';
import { newPair, type OpenArchive, type OpenedArchive } from './archive-fixtures.ts';

const TTL_MS = 60_000;

async function withPairs(fixture: OpenedArchive, count: number, volume = 'v'): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await fixture.registry.addPair(newPair(fixture.pair.store.id, `${volume}-${index}`, volume));
  }
}

export function describeLeases(open: OpenArchive): void {
  describe('leases', () => {
    it('the only owner gets all pairs of its volumes, paused and disabled ones too, and no others', async (t) => {
      const fixture = await open(t);
      const { registry } = fixture;
      await withPairs(fixture, 3);
      const [first, second] = (await registry.listPairs()).filter((pair) => pair.volume === 'v');
      await registry.setPaused(first?.id ?? 0, true);
      await registry.disable(second?.id ?? 0, 'folder-missing', 'gone');
      const held = await registry.lease('one', ['v'], TTL_MS);
      assert.deepEqual(
        held.map((pair) => pair.name),
        ['v-0', 'v-1', 'v-2'],
      );
      assert.deepEqual(await registry.leases(), new Map([['one', 3]]));
      assert.deepEqual(await registry.lease('one', [], TTL_MS), []);
    });

    it('a renewal neither loses pairs nor counts as a change of them', async (t) => {
      const fixture = await open(t);
      await withPairs(fixture, 3);
      const before = await fixture.registry.lease('one', ['v'], TTL_MS);
      assert.deepEqual(await fixture.registry.lease('one', ['v'], TTL_MS), before);
    });

    it('a renewal tells of whatever changed of a pair since the last one', async (t) => {
      const fixture = await open(t);
      const { registry } = fixture;
      await withPairs(fixture, 2);
      const [{ id }] = (await registry.lease('one', ['v'], TTL_MS)) as [Pair];
      const changes: Record<string, () => Promise<unknown>> = {
        paused: () => registry.setPaused(id, true),
        resumed: () => registry.setPaused(id, false),
        retention: () => registry.setRetention(id, { days: 3, bytes: 1_000 }, TTL_MS),
        disabled: () => registry.disable(id, 'folder-missing', 'gone'),
        enabled: () => registry.enable(id),
        exclusions: () => registry.setIgnoreText(id, '*.tmp'),
        wanted: () => registry.requestSync(id),
        scanned: () => registry.finishScan(id, 2n),
        polled: () => registry.finishPoll(id, 2n),
      };
      for (const [what, change] of Object.entries(changes)) {
        const before = await registry.loadPair(id);
        await change();
        const now = await registry.loadPair(id);
        assert.notDeepEqual(now, before, what);
        const held = await registry.lease('one', ['v'], TTL_MS);
        assert.deepEqual(
          held.find((pair) => pair.id === id),
          now,
          what,
        );
        assert.equal(held.length, 2);
      }
      await registry.removePair(id);
      assert.deepEqual(
        (await registry.lease('one', ['v'], TTL_MS)).map((pair) => pair.name),
        ['v-1'],
      );
    });

    it('an expired lease is taken over, a live one is not', async (t) => {
      const fixture = await open(t);
      const { registry } = fixture;
      await withPairs(fixture, 2);
      await registry.lease('one', ['v'], TTL_MS);
      assert.deepEqual(await registry.lease('two', ['v'], TTL_MS), []);
      await fixture.passTime(TTL_MS);
      assert.equal((await registry.lease('two', ['v'], TTL_MS)).length, 2);
      assert.deepEqual(await registry.leases(), new Map([['two', 2]]));
    });

    it('a lease is renewed once a third of its time has gone, and lasts its time from then', async (t) => {
      const fixture = await open(t);
      const { registry } = fixture;
      await withPairs(fixture, 2);
      await registry.lease('one', ['v'], TTL_MS);
      await fixture.passTime(TTL_MS / 2);
      assert.equal((await registry.lease('one', ['v'], TTL_MS)).length, 2);
      await fixture.passTime(TTL_MS * 0.9);
      assert.deepEqual(await registry.lease('two', ['v'], TTL_MS), []);
      await fixture.passTime(TTL_MS * 0.2);
      assert.equal((await registry.lease('two', ['v'], TTL_MS)).length, 2);
      await fixture.passTime(TTL_MS * 0.1);
      assert.equal(
        (await registry.lease('two', ['v'], TTL_MS)).length,
        2,
        'it is kept without being written',
      );
      await fixture.passTime(TTL_MS * 0.9);
      assert.equal((await registry.lease('one', ['v'], TTL_MS)).length, 1, 'its share, as both still ask');
    });

    it('with a newcomer the load evens out within three renewals, and evens back when it leaves', async (t) => {
      const fixture = await open(t);
      const { registry } = fixture;
      await withPairs(fixture, 9);
      await registry.lease('one', ['v'], TTL_MS);
      for (let renewal = 0; renewal < 3; renewal += 1) {
        for (const owner of ['one', 'two', 'three']) await registry.lease(owner, ['v'], TTL_MS);
      }
      assert.deepEqual(
        await registry.leases(),
        new Map([
          ['one', 3],
          ['three', 3],
          ['two', 3],
        ]),
      );
      await registry.releaseLeases('three');
      for (const owner of ['one', 'two']) await registry.lease(owner, ['v'], TTL_MS);
      const loads = [...(await registry.leases()).values()].sort();
      assert.deepEqual(loads, [4, 5]);
    });

    it('owners that ask at once never share a pair, and soon nothing is left over', async (t) => {
      const fixture = await open(t);
      const { registry } = fixture;
      await withPairs(fixture, 10);
      const owners = ['one', 'two', 'three', 'four'];
      // Who finds a row locked leaves it for its next renewal, so on a busy machine evening out takes some rounds.
      for (let round = 0; round < 40; round += 1) {
        const held = await Promise.all(owners.map((owner) => registry.lease(owner, ['v'], TTL_MS)));
        const names = held.flat().map((pair) => pair.name);
        assert.equal(new Set(names).size, names.length);
        const loads = [...(await registry.leases()).values()];
        if (loads.reduce((a, b) => a + b, 0) === 10 && Math.max(...loads) <= 3) return;
      }
      assert.fail('the load never evened out');
    });

    it('each volume is shared among those that mount it', async (t) => {
      const fixture = await open(t);
      const { registry } = fixture;
      await withPairs(fixture, 4, 'shared');
      await withPairs(fixture, 2, 'own');
      for (let renewal = 0; renewal < 2; renewal += 1) {
        await registry.lease('one', ['shared', 'own'], TTL_MS);
        await registry.lease('two', ['shared'], TTL_MS);
      }
      assert.deepEqual(
        await registry.leases(),
        new Map([
          ['one', 4],
          ['two', 2],
        ]),
      );
    });
  });
}
