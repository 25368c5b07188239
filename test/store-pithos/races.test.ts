/** Races inside the store's own window, between its precondition check and its lock (pithos-api section 4.8). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Name, toName } from '#core/name.ts';
import { toSerial } from '#core/serial.ts';
import { ABSENT } from '#core/state.ts';
import {
  assertApplied,
  bytesAt,
  create,
  namesIn,
  orderFor,
  staged,
} from '#test/conformance/object-store-fixtures.ts';
import { stageDirectory } from '#test/conformance/staged-bytes.ts';
import { type OpenedPithos, openPithos } from './open-pithos.ts';

const NAME: Name = toName('dir/raced.txt');
const OLD = Buffer.from('old content');
const OURS = Buffer.from('our content');
const THEIRS = Buffer.from('their content');

/** Runs once, when the first request of that kind has passed its check but holds no lock yet. */
function inWindow(opened: OpenedPithos, kind: string, act: () => unknown): { ran: boolean } {
  const state = { ran: false };
  opened.server.control.setHooks({
    beforeLock: async (info) => {
      if (info.kind !== kind || state.ran || info.object.startsWith('.holdfast')) return;
      state.ran = true;
      await act();
    },
  });
  return state;
}

/** Stored content, so that the first PUT is the one that commits. */
async function withStoredBlocks(opened: OpenedPithos, bytes: Uint8Array): Promise<void> {
  await opened.other.put('elsewhere', bytes);
}

describe('a write that slips in between check and lock', () => {
  it('is rescued when we create', async (t) => {
    const opened = await openPithos(t);
    await withStoredBlocks(opened, OURS);
    const race = inWindow(opened, 'object.put-hashmap', () => opened.other.put(NAME, THEIRS));
    const outcome = await opened.store.pull(NAME, staged(opened, OURS), orderFor(NAME, ABSENT));
    assert.ok(race.ran);
    assertApplied(outcome);
    assert.equal(await bytesAt(opened, NAME), OURS.toString());
    assert.equal(outcome.conflictCopies.length, 1);
    assert.equal(await bytesAt(opened, outcome.conflictCopies[0]!), THEIRS.toString());
  });

  it('is rescued when we replace, while the base needs no copy', async (t) => {
    const opened = await openPithos(t);
    const base = await create(opened, NAME, OLD);
    await withStoredBlocks(opened, OURS);
    const race = inWindow(opened, 'object.put-hashmap', () => opened.other.put(NAME, THEIRS));
    const outcome = await opened.store.pull(NAME, staged(opened, OURS), orderFor(NAME, base));
    assert.ok(race.ran);
    assertApplied(outcome);
    assert.equal(outcome.conflictCopies.length, 1);
    assert.equal(await bytesAt(opened, outcome.conflictCopies[0]!), THEIRS.toString());
    assert.ok(base.kind === 'file');
    assert.equal(outcome.recovery?.locator, base.version);
  });

  it('is rescued when it differs from the base in trailing NULs only', async (t) => {
    const opened = await openPithos(t);
    const base = await create(opened, NAME, OLD);
    const longer = Buffer.concat([OLD, Buffer.from([0])]);
    inWindow(opened, 'object.put-hashmap', () => opened.other.put(NAME, longer));
    const outcome = await opened.store.pull(NAME, staged(opened, OURS), orderFor(NAME, base));
    assertApplied(outcome);
    assert.equal(await bytesAt(opened, outcome.conflictCopies[0]!), longer.toString());
  });

  it('is rescued by the next attempt, though somebody removed meanwhile what ours had put over it', async (t) => {
    const opened = await openPithos(t);
    await withStoredBlocks(opened, OURS);
    inWindow(opened, 'object.put-hashmap', () => opened.other.put(NAME, THEIRS));
    const order = orderFor(NAME, ABSENT);
    // The list before the write is given, the one after it not.
    opened.server.control.inject({ action: 'status', pathPattern: 'version=list', skip: 1, count: -1 });
    await assert.rejects(opened.store.pull(NAME, staged(opened, OURS), order), { grade: 'transient' });
    opened.server.control.clearRules();
    await opened.other.remove(NAME);
    const outcome = await opened.store.pull(NAME, staged(opened, OURS), order);
    assertApplied(outcome);
    assert.equal(outcome.conflictCopies.length, 1);
    assert.equal(await bytesAt(opened, outcome.conflictCopies[0]!), THEIRS.toString());
  });

  it('is rescued by the next attempt where a conflict copy was written over it', async (t) => {
    const opened = await openPithos(t);
    const base = await create(opened, NAME, OLD);
    let copy = '';
    opened.server.control.setHooks({
      beforeLock: async (info) => {
        if (info.kind !== 'object.put-hashmap' || copy !== '' || !info.object.includes('raced_')) return;
        copy = info.object;
        await opened.other.put(copy, THEIRS);
      },
    });
    const order = { ...orderFor(NAME, base), displaced: 'conflict-copy' } as const;
    opened.server.control.inject({
      action: 'status',
      pathPattern: 'raced_.*version=list',
      skip: 1,
      count: -1,
    });
    await assert.rejects(opened.store.pull(NAME, staged(opened, OURS), order), { grade: 'transient' });
    opened.server.control.clearRules();
    const outcome = await opened.store.pull(NAME, staged(opened, OURS), order);
    assertApplied(outcome);
    const kept = await Promise.all(outcome.conflictCopies.map((name) => bytesAt(opened, name)));
    assert.deepEqual(kept.sort(), [OLD.toString(), THEIRS.toString()]);
  });

  it('is rescued once by two workers with the same order', async (t) => {
    const opened = await openPithos(t);
    const base = await create(opened, NAME, OLD);
    await withStoredBlocks(opened, OURS);
    let waiting = 0;
    const both = Promise.withResolvers<void>();
    opened.server.control.setHooks({
      beforeLock: async (info) => {
        if (info.kind !== 'object.put-hashmap' || info.object !== NAME) return;
        waiting += 1;
        if (waiting === 2) {
          await opened.other.put(NAME, THEIRS);
          both.resolve();
        }
        await both.promise;
      },
    });
    const order = orderFor(NAME, base);
    const outcomes = await Promise.all([
      opened.store.pull(NAME, staged(opened, OURS), order),
      opened.second.pull(NAME, staged(opened, OURS), order),
    ]);
    for (const outcome of outcomes) assertApplied(outcome);
    const copies = (await namesIn(opened)).filter((name) => name !== NAME && name !== 'elsewhere');
    assert.equal(copies.length, 1);
    assert.equal(await bytesAt(opened, copies[0]!), THEIRS.toString());
    assert.equal(await bytesAt(opened, NAME), OURS.toString());
  });

  it('keeps its name when we delete', async (t) => {
    const opened = await openPithos(t);
    const base = await create(opened, NAME, OLD);
    const race = inWindow(opened, 'object.move', () => opened.other.put(NAME, THEIRS));
    const outcome = await opened.store.remove(NAME, orderFor(NAME, base));
    assert.ok(race.ran);
    assert.equal(outcome.result, 'stale');
    assert.equal(await bytesAt(opened, NAME), THEIRS.toString());
    assert.deepEqual(await opened.allNames(), [NAME]);
  });

  it('keeps its name when we delete and it has the same content', async (t) => {
    const opened = await openPithos(t);
    const base = await create(opened, NAME, OLD);
    inWindow(opened, 'object.move', () => opened.other.put(NAME, OLD));
    const outcome = await opened.store.remove(NAME, orderFor(NAME, base));
    assert.equal(outcome.result, 'stale');
    assert.deepEqual(await opened.allNames(), [NAME]);
  });

  it('is rescued when we delete and a newcomer takes the name before it is back', async (t) => {
    const opened = await openPithos(t);
    const base = await create(opened, NAME, OLD);
    const newcomer = Buffer.from('a newcomer');
    opened.server.control.setHooks({
      beforeLock: async (info) => {
        if (info.method === 'MOVE') await opened.other.put(NAME, THEIRS);
        if (info.method === 'PUT' && info.kind === 'object.move') await opened.other.put(NAME, newcomer);
      },
    });
    const outcome = await opened.store.remove(NAME, orderFor(NAME, base));
    assert.ok(outcome.result === 'stale');
    const contents = await Promise.all((await opened.allNames()).map((name) => bytesAt(opened, name)));
    assert.deepEqual(contents.sort(), [newcomer.toString(), THEIRS.toString()].sort());
    assert.equal(outcome.conflictCopies.length, 1);
  });

  it('is kept when we replace a directory by a file', async (t) => {
    const opened = await openPithos(t);
    const made = await opened.store.pull(NAME, stageDirectory(), orderFor(NAME, ABSENT));
    assertApplied(made);
    inWindow(opened, 'object.put-hashmap', () => opened.other.put(NAME, new Uint8Array()));
    const outcome = await opened.store.pull(NAME, staged(opened, OURS), orderFor(NAME, made.state));
    assertApplied(outcome);
    assert.equal(outcome.conflictCopies.length, 1);
    assert.equal(await bytesAt(opened, outcome.conflictCopies[0]!), '');
  });
});

describe('one order run by two workers at once', () => {
  it('makes a directory once and removes it once', async (t) => {
    const opened = await openPithos(t);
    const order = orderFor(NAME, ABSENT);
    const both = [opened.store, opened.second];
    const made = await Promise.all(both.map((store) => store.pull(NAME, stageDirectory(), order)));
    for (const outcome of made) assertApplied(outcome);
    assert.deepEqual(await opened.allNames(), [NAME]);
    const removal = orderFor(NAME, await opened.store.probe(NAME, opened.identity));
    for (const outcome of await Promise.all(both.map((store) => store.remove(NAME, removal)))) {
      assertApplied(outcome);
    }
    assert.deepEqual(await opened.allNames(), []);
  });
});

describe('a deletion that died half-way', () => {
  const moveAsideThenDie = async (opened: OpenedPithos, base: Parameters<typeof orderFor>[1]) => {
    opened.server.control.inject({
      action: 'drop-before',
      method: 'HEAD',
      pathPattern: 'holdfast-delete',
      skip: 1,
      count: -1,
    });
    await assert.rejects(opened.store.remove(NAME, orderFor(NAME, base)), { code: 'store-unreachable' });
    opened.server.control.clearRules();
  };

  it('is finished by its repeat', async (t) => {
    const opened = await openPithos(t);
    const base = await create(opened, NAME, OLD);
    await moveAsideThenDie(opened, base);
    assert.equal((await opened.allNames()).length, 1);
    assertApplied(await opened.second.remove(NAME, orderFor(NAME, base)));
    assert.deepEqual(await opened.allNames(), []);
  });

  for (const finisher of ['its repeat', 'a probe'] as const) {
    it(`is undone by ${finisher} when it had caught other content`, async (t) => {
      const opened = await openPithos(t);
      const base = await create(opened, NAME, OLD);
      inWindow(opened, 'object.move', () => opened.other.put(NAME, THEIRS));
      await moveAsideThenDie(opened, base);
      if (finisher === 'a probe') {
        assert.equal((await opened.second.probe(NAME, opened.identity)).kind, 'file');
      } else {
        assert.equal((await opened.second.remove(NAME, orderFor(NAME, base))).result, 'stale');
      }
      assert.deepEqual(await opened.allNames(), [NAME]);
      assert.equal(await bytesAt(opened, NAME), THEIRS.toString());
    });
  }

  it('leaves no trace in listings', async (t) => {
    const opened = await openPithos(t);
    await moveAsideThenDie(opened, await create(opened, NAME, OLD));
    await opened.other.put('x.pithos_staged_for_deletion', OLD);
    assert.deepEqual(await namesIn(opened), []);
  });
});

describe('a write that died after its commit', () => {
  it('rescues what had slipped in even when it was replaced since', async (t) => {
    const opened = await openPithos(t);
    const base = await create(opened, NAME, OLD);
    await withStoredBlocks(opened, OURS);
    inWindow(opened, 'object.put-hashmap', () => opened.other.put(NAME, THEIRS));
    opened.server.control.inject({ action: 'drop-before', kind: 'object.versions', count: -1 });
    const order = orderFor(NAME, base, { serial: toSerial(7n) });
    await assert.rejects(opened.store.pull(NAME, staged(opened, OURS), order), { code: 'store-unreachable' });
    opened.server.control.clearRules();
    await opened.other.put(NAME, Buffer.from('a later edit'));
    const outcome = await opened.second.pull(NAME, staged(opened, OURS), order);
    assert.ok(outcome.result === 'stale');
    assert.equal(await bytesAt(opened, NAME), 'a later edit');
    assert.equal(await bytesAt(opened, outcome.conflictCopies[0]!), THEIRS.toString());
  });

  it('is recognised by its repeat, which still rescues what had slipped in', async (t) => {
    const opened = await openPithos(t);
    await withStoredBlocks(opened, OURS);
    inWindow(opened, 'object.put-hashmap', () => opened.other.put(NAME, THEIRS));
    opened.server.control.inject({ action: 'drop-before', kind: 'object.versions', skip: 1, count: -1 });
    const order = orderFor(NAME, ABSENT, { serial: toSerial(7n) });
    await assert.rejects(opened.store.pull(NAME, staged(opened, OURS), order), { code: 'store-unreachable' });
    opened.server.control.clearRules();
    const outcome = await opened.second.pull(NAME, staged(opened, OURS), order);
    assertApplied(outcome);
    assert.equal(await bytesAt(opened, outcome.conflictCopies[0]!), THEIRS.toString());
  });

  it('does not take a deletion of long ago for something that slipped in', async (t) => {
    const opened = await openPithos(t);
    await opened.other.put(NAME, THEIRS);
    await opened.other.remove(NAME);
    const outcome = await opened.store.pull(NAME, staged(opened, OURS), orderFor(NAME, ABSENT));
    assertApplied(outcome);
    assert.deepEqual(outcome.conflictCopies, []);
  });
});
