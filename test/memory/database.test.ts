/** The memory database keeps the promises of archive and registry, is restored from backups, and takes its turns. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDatabase } from '#libs/memory/database.ts';
import type { Step } from '#libs/memory/step.ts';
import { describeAccount } from '#test/conformance/archive-account.ts';
import { describeDeletes } from '#test/conformance/archive-deletes.ts';
import { describeDispatch } from '#test/conformance/archive-dispatch.ts';
import { describeEntries } from '#test/conformance/archive-entries.ts';
import {
  addDocs,
  doneWith,
  entryOf,
  give,
  localFile,
  name,
  newPair,
  remoteFile,
} from '#test/conformance/archive-fixtures.ts';
import { describeMarks } from '#test/conformance/archive-marks.ts';
import { describeTransfer } from '#test/conformance/archive-transfer.ts';
import { describeRegistry } from '#test/conformance/registry.ts';
import { describeGenerations } from '#test/conformance/registry-generations.ts';
import { describeLeases } from '#test/conformance/registry-leases.ts';
import { openMemoryDatabase } from './open-database.ts';

describeEntries(openMemoryDatabase);
describeMarks(openMemoryDatabase);
describeDeletes(openMemoryDatabase);
describeDispatch(openMemoryDatabase);
describeTransfer(openMemoryDatabase);
describeAccount(openMemoryDatabase);
describeRegistry(openMemoryDatabase);
describeLeases(openMemoryDatabase);
describeGenerations(openMemoryDatabase);

const pointer = { kind: 'trash', locator: 'x', size: 1, hash: null } as const;

test('a restored snapshot is all that was, serials included, whatever happened since', async () => {
  const opened = await openMemoryDatabase();
  const { database, archive, registry, pair } = opened;
  await give(opened, { a: { local: localFile(1), decision: ['upload'] } });
  const entry = await entryOf(opened, 'a');
  const told = () => ({
    pairs: [database.rows(pair.id), database.history(pair.id), database.recovery(pair.id)],
    problems: database.problems(pair.id),
    lastSerial: database.lastSerial,
  });
  const snapshot = database.snapshot();
  const before = structuredClone(told());
  const changeEverything = async () => {
    const done = doneWith(entry);
    const { serial } = done;
    await archive.acknowledge(pair.id, [done], {
      candidates: [{ side: 'local', name: name('copy') }],
      recovery: [{ name: entry.name, side: 'local', serial, pointer, lookAgainAt: null, expiresAt: 0 }],
      history: [],
    });
    await archive.openProblem(pair.id, 'b', { code: 'local-io', text: 'x' });
    await registry.lease('one', [pair.volume], 60_000);
    await registry.setPaused(pair.id, true);
    return structuredClone(told());
  };
  const after = await changeEverything();
  assert.notDeepEqual(after, before);
  database.restore(snapshot);
  assert.deepEqual(told(), before);
  assert.equal((await registry.loadPair(pair.id))?.paused, false);
  assert.deepEqual(await registry.leases(), new Map());
  const again = await changeEverything();
  assert.equal(again.lastSerial, after.lastSerial);
  database.restore(snapshot);
  assert.deepEqual(told(), before);
});

test('pairs added after a backup are gone with it, removed ones are back', async () => {
  const { database, archive, registry, pair } = await openMemoryDatabase();
  const snapshot = database.snapshot();
  await registry.removePair(pair.id);
  const added = await registry.addPair(newPair(pair.store.id, 'added'));
  database.restore(snapshot);
  for (const { id } of [pair, added]) await archive.mark(id, 'local', [name('a')]);
  assert.deepEqual([database.rows(pair.id).map((row) => row.name), database.rows(added.id)], [['a'], []]);
});

test('a call is one step, which happens as a whole or not at all, heard of or not', async () => {
  const verbs: string[] = [];
  const fates: ('lost before' | 'lost after')[] = [];
  const step: Step = async (verb, subject, effect) => {
    verbs.push(`${verb} ${subject}`);
    const fate = fates.shift();
    if (fate === 'lost before') throw new Error('the connection ended');
    const result = effect();
    if (fate === 'lost after') throw new Error('the connection ended');
    return result;
  };
  const database = new MemoryDatabase({ now: () => 1 });
  const [archive, registry] = [database.archive(step), database.registry(step)];
  const pair = await addDocs(registry);
  const objects = [{ name: name('a'), state: remoteFile(1) }];
  for (const [fate, rows] of [
    ['lost before', 0],
    ['lost after', 1],
  ] as const) {
    fates.push(fate);
    await assert.rejects(archive.recordListed(pair.id, objects), /the connection ended/);
    assert.equal(database.rows(pair.id).length, rows);
  }
  const listed = `db.recordListed pair ${pair.id}: a`;
  assert.deepEqual(verbs, ['db.addStore cloud', 'db.addPair docs', listed, listed]);
});
