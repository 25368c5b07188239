import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { toName } from '#core/name.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import { contents, type Fixture, makeFixture, orderOf, stateOf, trashed } from './folder-fixture.ts';

const NAME = toName('doc.txt');
const conflictName = (turn: number) => toName(`late-${turn}.txt`);

let fixture: Fixture;
let pointer: RecoveryPointer;
let writer: number;

beforeEach(async () => {
  fixture = await makeFixture();
  fs.writeFileSync(join(fixture.root, NAME), 'synced');
  writer = fs.openSync(join(fixture.root, NAME), 'a');
  const outcome = await fixture.folder.remove(NAME, orderOf(NAME, await stateOf(fixture.folder, NAME)));
  assert.ok(outcome.result === 'applied' && outcome.recovery !== null);
  pointer = outcome.recovery;
});
afterEach(() => {
  fs.closeSync(writer);
  fixture.remove();
});

describe('the late look', () => {
  test('finds nothing when nobody wrote', async () => {
    assert.equal(await fixture.folder.lookAgain(NAME, pointer, conflictName), null);
    assert.deepEqual(await trashed(fixture.root), ['synced']);
  });

  test('makes a conflict copy of what a late writer wrote, once', async () => {
    fs.writeSync(writer, ' and more');
    assert.equal(await fixture.folder.lookAgain(NAME, pointer, conflictName), 'late-0.txt');
    assert.deepEqual(await contents(fixture.root), { 'late-0.txt': 'synced and more' });
    assert.equal(await fixture.folder.lookAgain(NAME, pointer, conflictName), null);
  });

  test('notices a late write that keeps the size', async () => {
    const path = join(fixture.root, '.holdfast/trash', pointer.locator);
    fs.writeFileSync(path, 'SYNCED');
    assert.equal(await fixture.folder.lookAgain(NAME, pointer, conflictName), 'late-0.txt');
  });

  test('takes the next conflict name when the first is taken', async () => {
    fs.writeFileSync(join(fixture.root, 'late-0.txt'), 'taken');
    fs.writeSync(writer, '!');
    assert.equal(await fixture.folder.lookAgain(NAME, pointer, conflictName), 'late-1.txt');
  });
});

describe('the trash', () => {
  test('gives content back under its name, making its directory, and may be asked twice', async () => {
    const deep = toName('a/b/doc.txt');
    assert.equal(await fixture.folder.restore(deep, pointer), true);
    assert.equal(await fixture.folder.restore(deep, pointer), true);
    assert.deepEqual(await contents(fixture.root), { 'a/b/doc.txt': 'synced' });
    assert.deepEqual(await trashed(fixture.root), []);
  });

  test('never replaces what has the name', async () => {
    fs.writeFileSync(join(fixture.root, NAME), 'newer');
    assert.equal(await fixture.folder.restore(NAME, pointer), false);
    assert.deepEqual(await contents(fixture.root), { 'doc.txt': 'newer' });
    assert.deepEqual(await trashed(fixture.root), ['synced']);
  });

  test('is discarded once and for all', async () => {
    await fixture.folder.discard(pointer);
    await fixture.folder.discard(pointer);
    assert.deepEqual(fs.readdirSync(join(fixture.root, '.holdfast/trash')), []);
    await assert.rejects(fixture.folder.restore(NAME, pointer), { code: 'not-found' });
  });

  test('refuses a locator that leads elsewhere', async () => {
    for (const locator of ['../../doc.txt', '20260101/../x', 'a/b', 'a/b/c/d', '']) {
      await assert.rejects(fixture.folder.discard({ ...pointer, locator }));
    }
  });
});
