import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Courier, memoryChangeSource } from '#libs/memory/change-source.ts';
import { MemoryDisk } from '#libs/memory/disk.ts';
import type { ChangeHint } from '#ports/local-folder.ts';

const ROOT = '/srv/folder';

async function watched(carry?: Courier) {
  const disk = new MemoryDisk({ now: () => 0 });
  const user = disk.user();
  user.makeDirectories(`${ROOT}/.holdfast`);
  const source = memoryChangeSource(disk, ROOT, carry);
  const hints: ChangeHint[] = [];
  await source.start((hint) => hints.push(hint));
  const told = (action: () => void): string[] => {
    hints.length = 0;
    action();
    const texts = hints.flatMap((hint): readonly string[] =>
      hint.kind === 'names' ? hint.names : [hint.reason],
    );
    return [...new Set(texts)];
  };
  return { user, source, told };
}

test('changes are told by name, whoever made them', async () => {
  const { user, told } = await watched();
  user.makeDirectories('/srv/other');
  assert.deepEqual(
    told(() => user.write(`${ROOT}/a`, 'x')),
    ['a'],
  );
  assert.deepEqual(
    told(() => user.rename(`${ROOT}/a`, '/srv/other/a')),
    ['a'],
  );
  assert.deepEqual(
    told(() => user.write('/srv/folder-too', 'x')),
    [],
  );
});

test('a directory that moves takes the names below it along', async () => {
  const { user, told } = await watched();
  user.makeDirectories(`${ROOT}/d/e`);
  user.write(`${ROOT}/d/e/f`, 'x');
  assert.deepEqual(
    told(() => user.rename(`${ROOT}/d`, `${ROOT}/g`)),
    ['d', 'd/e', 'd/e/f', 'g', 'g/e', 'g/e/f'],
  );
});

test('the private directory and what is no name are not told', async () => {
  const { user, told } = await watched();
  assert.deepEqual(
    told(() => user.write(`${ROOT}/.holdfast/marker`, 'x')),
    [],
  );
  assert.deepEqual(
    told(() => user.write(`${ROOT}/line\nbreak`, 'x')),
    [],
  );
});

test('a hint is lost, repeated and delayed as its courier likes', async () => {
  const carried: (() => void)[] = [];
  const { user, source, told } = await watched((_hint, deliver) => carried.push(deliver));
  assert.deepEqual(
    told(() => user.makeDirectories(`${ROOT}/d`)),
    [],
  );
  const [deliver] = carried;
  assert.deepEqual(
    told(() => deliver?.()),
    ['d'],
  );
  assert.deepEqual(
    told(() => deliver?.()),
    ['d'],
  );
  source.lose('the queue was full');
  assert.deepEqual(
    told(() => carried.at(-1)?.()),
    ['the queue was full'],
  );
  await source.close();
  assert.deepEqual(
    told(() => deliver?.()),
    [],
  );
  const before = carried.length;
  user.write(`${ROOT}/later`, 'x');
  assert.equal(carried.length, before);
});
