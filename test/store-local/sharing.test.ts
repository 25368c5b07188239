/** Sharing: operations at once use one opened folder, and what they may conclude from it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { afterEach, beforeEach, test } from 'node:test';
import { toName } from '#core/name.ts';
import type { FileSystem } from '#libs/store-local/file-system.ts';
import { HoldfastError } from '#ports/errors.ts';
import { type Fixture, makeFixture, systemClock } from './folder-fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
});
afterEach(() => fixture.remove());

const NAMES = Array.from({ length: 20 }, (_, index) => toName(`file ${index}`));

/** The file system, counting how often a folder is opened, and waiting at one name for `until`. */
function watched(fixture: Fixture, until: Promise<void> = Promise.resolve()) {
  let opened = 0;
  const hooked = fixture.hooked(async (_primitive, segments, when) => {
    if (when === 'before' && segments.includes('slow')) await until;
  });
  const fileSystem: FileSystem = {
    ...hooked,
    openRoot: (path) => {
      opened += 1;
      return hooked.openRoot(path);
    },
  };
  return { fileSystem, opened: () => opened };
}

test('operations at once open the folder once, and leave nothing open', async () => {
  const { fileSystem, opened } = watched(fixture);
  const folder = fixture.open({ fileSystem });
  const before = fixture.descriptors();
  await Promise.all(NAMES.map((name) => folder.probe(name)));
  assert.equal(opened(), 1);
  assert.equal(fixture.descriptors(), before);
  await folder.probe(toName('file 1'));
  assert.equal(opened(), 2);
});

test('a check sees the folder that is there now, and so does what begins after it', async () => {
  const gate = Promise.withResolvers<void>();
  const { fileSystem } = watched(fixture, gate.promise);
  const folder = fixture.open({ fileSystem });
  const slow = folder.probe(toName('slow'));
  await folder.probe(toName('file 1'));
  fs.renameSync(fixture.root, `${fixture.root}-before`);
  fs.mkdirSync(fixture.root);
  const isUnmarked = (thrown: unknown): boolean =>
    thrown instanceof HoldfastError && thrown.code === 'folder-unmarked';
  await assert.rejects(folder.check(), isUnmarked);
  await assert.rejects(folder.probe(toName('file 1')), isUnmarked);
  gate.resolve();
  assert.deepEqual(await slow, { result: 'state', state: { kind: 'absent' } });
});

test('a folder that was opened long ago is not shared, however long its first user takes', async () => {
  const gate = Promise.withResolvers<void>();
  const { fileSystem, opened } = watched(fixture, gate.promise);
  let now = systemClock.now();
  const folder = fixture.open({ fileSystem, clock: { ...systemClock, now: () => now } });
  const slow = folder.probe(toName('slow'));
  await folder.probe(toName('file 1'));
  assert.equal(opened(), 1);
  now += 2_000;
  await folder.probe(toName('file 1'));
  assert.equal(opened(), 2);
  gate.resolve();
  await slow;
});
