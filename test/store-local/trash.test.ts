import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { toName } from '#core/name.ts';
import type { Writer } from '#libs/memory/disk-user.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import type { TrashPlace } from '#ports/local-folder.ts';
import {
  allTrashed,
  contents,
  type Fixture,
  MD5,
  makeFixture,
  md5,
  namesIn,
  orderOf,
  stateOf,
  trashed,
} from './folder-fixture.ts';

const NAME = toName('doc.txt');
const conflictName = (turn: number) => toName(`late-${turn}.txt`);

let fixture: Fixture;
let pointer: RecoveryPointer;
let writer: Writer;

beforeEach(async () => {
  fixture = await makeFixture();
  fixture.user.write(fixture.at(NAME), 'synced');
  writer = fixture.user.openWriter(fixture.at(NAME), 'append');
  const outcome = await fixture.folder.remove(NAME, orderOf(NAME, await stateOf(fixture.folder, NAME)));
  assert.ok(outcome.result === 'applied' && outcome.recovery !== null);
  pointer = outcome.recovery;
});
afterEach(() => {
  writer.close();
  fixture.remove();
});

describe('the late look', () => {
  test('finds nothing when nobody wrote', async () => {
    assert.equal(await fixture.folder.lookAgain(NAME, pointer, conflictName), 'unchanged');
    assert.deepEqual(await trashed(fixture), ['synced']);
  });

  test('makes a conflict copy of what a late writer wrote, once', async () => {
    writer.write(' and more');
    assert.deepEqual(await fixture.folder.lookAgain(NAME, pointer, conflictName), { copy: 'late-0.txt' });
    assert.deepEqual(await contents(fixture), { 'late-0.txt': 'synced and more' });
    assert.equal(await fixture.folder.lookAgain(NAME, pointer, conflictName), 'gone');
    await fixture.folder.discard(pointer);
    assert.deepEqual(namesIn(fixture, fixture.at('.holdfast/trash')), []);
  });

  test('notices a late write that keeps the size', async () => {
    const path = fixture.at('.holdfast/trash', pointer.locator);
    fixture.user.write(path, 'SYNCED');
    assert.deepEqual(await fixture.folder.lookAgain(NAME, pointer, conflictName), { copy: 'late-0.txt' });
  });

  test('puts the copy above a directory that is a file by now', async () => {
    fixture.user.write(fixture.at('was'), 'a file');
    writer.write('!');
    const look = await fixture.folder.lookAgain(toName('was/a/doc.txt'), pointer, conflictName);
    assert.deepEqual(look, { copy: 'late-0.txt' });
    assert.deepEqual(await contents(fixture), { was: 'a file', 'late-0.txt': 'synced!' });
  });

  test('takes the next conflict name when the first is taken', async () => {
    fixture.user.write(fixture.at('late-0.txt'), 'taken');
    writer.write('!');
    assert.deepEqual(await fixture.folder.lookAgain(NAME, pointer, conflictName), { copy: 'late-1.txt' });
  });
});

describe('the trash', () => {
  test('gives content back under its name, making its directory, and may be asked twice', async () => {
    const deep = toName('a/b/doc.txt');
    assert.equal(await fixture.folder.restore(deep, pointer), true);
    assert.equal(await fixture.folder.restore(deep, pointer), true);
    assert.deepEqual(await contents(fixture), { 'a/b/doc.txt': 'synced' });
    assert.deepEqual(await trashed(fixture), []);
  });

  test('never replaces what has the name', async () => {
    fixture.user.write(fixture.at(NAME), 'newer');
    assert.equal(await fixture.folder.restore(NAME, pointer), false);
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'newer' });
    assert.deepEqual(await trashed(fixture), ['synced']);
  });

  test('is discarded once and for all', async () => {
    await fixture.folder.discard(pointer);
    await fixture.folder.discard(pointer);
    assert.deepEqual(namesIn(fixture, fixture.at('.holdfast/trash')), []);
    await assert.rejects(fixture.folder.restore(NAME, pointer), { code: 'not-found' });
  });

  test('refuses a locator that leads elsewhere', async () => {
    for (const locator of ['../../doc.txt', '20260101/../x', 'a/b', 'a/b/c/d', '']) {
      await assert.rejects(fixture.folder.discard({ ...pointer, locator }));
    }
  });

  test('tells what it holds, less what is known', async () => {
    const [item, ...more] = await allTrashed(fixture.folder);
    assert.deepEqual([item?.name, item?.serial, item?.pointer, more], [NAME, 7n, pointer, []]);
    assert.ok(Math.abs((item?.displacedAt ?? 0) - Date.now()) < 60_000);
    const asked: string[] = [];
    const known = async (places: readonly TrashPlace[]) => {
      asked.push(...places.map(({ place }) => place));
      return new Set(asked);
    };
    for await (const _ of fixture.folder.trashed(known)) assert.fail('a known item was told');
    assert.equal(asked.length, 1);
    assert.ok(pointer.locator.startsWith(asked[0] ?? '-'));
  });

  test('tells content whose record was lost, and none that is gone', async () => {
    const place = dirname(pointer.locator);
    fixture.user.unlink(fixture.at('.holdfast/trash', `${place}.json`));
    const [item] = await allTrashed(fixture.folder);
    assert.deepEqual([item?.name, item?.pointer], [NAME, { ...pointer, hash: null }]);
    fixture.user.unlink(fixture.at('.holdfast/trash', pointer.locator));
    assert.deepEqual(await allTrashed(fixture.folder), []);
    fixture.user.removeTree(fixture.at('.holdfast/trash'));
    assert.deepEqual(await allTrashed(fixture.folder), []);
  });

  test('is looked into without changing it', async () => {
    assert.deepEqual(await fixture.folder.inspect(pointer, null), { size: 6, hash: null });
    assert.deepEqual(await fixture.folder.inspect(pointer, MD5), { size: 6, hash: md5('synced') });
    await fixture.folder.discard(pointer);
    assert.equal(await fixture.folder.inspect(pointer, MD5), null);
  });
});
