import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { toName } from '#core/name.ts';
import type { Writer } from '#libs/memory/disk-user.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import { contents, type Fixture, makeFixture, namesIn, orderOf, stateOf, trashed } from './folder-fixture.ts';

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
    assert.equal(await fixture.folder.lookAgain(NAME, pointer, conflictName), null);
    assert.deepEqual(await trashed(fixture), ['synced']);
  });

  test('makes a conflict copy of what a late writer wrote, once', async () => {
    writer.write(' and more');
    assert.equal(await fixture.folder.lookAgain(NAME, pointer, conflictName), 'late-0.txt');
    assert.deepEqual(await contents(fixture), { 'late-0.txt': 'synced and more' });
    assert.equal(await fixture.folder.lookAgain(NAME, pointer, conflictName), null);
  });

  test('notices a late write that keeps the size', async () => {
    const path = fixture.at('.holdfast/trash', pointer.locator);
    fixture.user.write(path, 'SYNCED');
    assert.equal(await fixture.folder.lookAgain(NAME, pointer, conflictName), 'late-0.txt');
  });

  test('takes the next conflict name when the first is taken', async () => {
    fixture.user.write(fixture.at('late-0.txt'), 'taken');
    writer.write('!');
    assert.equal(await fixture.folder.lookAgain(NAME, pointer, conflictName), 'late-1.txt');
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
});
