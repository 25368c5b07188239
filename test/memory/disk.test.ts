import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MemoryDisk } from '#libs/memory/disk.ts';
import type { DiskOptions } from '#libs/memory/disk-medium.ts';
import { atOnce } from '#libs/memory/step.ts';

const ROOT = '/srv/folder';

function makeDisk(options: DiskOptions = {}) {
  let nowMs = 1_700_000_000_000;
  const disk = new MemoryDisk({ now: () => nowMs }, options);
  const user = disk.user();
  user.makeDirectories(ROOT);
  const files = disk.fileSystem(atOnce);
  const elapse = (ms: number): void => {
    nowMs += ms;
  };
  return { disk, user, files, elapse, open: () => files.openRoot(ROOT) };
}

describe('time', () => {
  const grains: [granularity: bigint, samePerMs: boolean, samePerSecond: boolean][] = [
    [1n, false, false],
    [1_000_000n, true, false],
    [1_000_000_000n, true, true],
  ];
  for (const [mtimeGranularityNs, samePerMs, samePerSecond] of grains) {
    test(`two writes are told apart as a granularity of ${mtimeGranularityNs} ns allows`, () => {
      const { user, elapse } = makeDisk({ mtimeGranularityNs });
      const writtenAt = (): bigint | undefined => {
        user.write(`${ROOT}/a`, 'x');
        return user.lstat(`${ROOT}/a`)?.mtimeNs;
      };
      const [first, second] = [writtenAt(), writtenAt()];
      assert.equal(first === second, samePerMs);
      elapse(1);
      assert.equal(writtenAt() === first, samePerSecond);
      user.setModifiedAt(`${ROOT}/a`, -1n);
      assert.equal(user.lstat(`${ROOT}/a`)?.mtimeNs, -mtimeGranularityNs);
    });
  }
});

describe('numbers of inodes', () => {
  test('are given out once, unless they are reused', async () => {
    for (const reusesInodes of [false, true]) {
      const { user, files, open } = makeDisk({ reusesInodes });
      user.write(`${ROOT}/a`, 'a');
      const inode = user.lstat(`${ROOT}/a`)?.inode;
      const held = await (await open()).openForReading('a');
      user.unlink(`${ROOT}/a`);
      user.write(`${ROOT}/b`, 'b');
      assert.notEqual(user.lstat(`${ROOT}/b`)?.inode, inode, 'an open file keeps its number');
      await held.close();
      user.write(`${ROOT}/c`, 'c');
      assert.equal(user.lstat(`${ROOT}/c`)?.inode === inode, reusesInodes);
      files.exit();
    }
  });
});

describe('a full disk', () => {
  test('takes what fits of a write and refuses the rest', async () => {
    const { disk, user, open } = makeDisk();
    const root = await open();
    const file = await root.createFile('a', 0o600);
    disk.capacity = disk.used + 3;
    await assert.rejects(file.write(Buffer.from('12345')), { code: 'ENOSPC' });
    assert.equal(user.readText(`${ROOT}/a`), '123');
    await assert.rejects(root.createFile('b', 0o600), { code: 'ENOSPC' });
    await assert.rejects(root.makeDirectory('d', 0o700), { code: 'ENOSPC' });
    assert.throws(() => user.append(`${ROOT}/a`, 'x'), { code: 'ENOSPC' });
    await root.rename('a', root, 'c');
    await root.link('c', root, 'd');
    user.write(`${ROOT}/c`, 'abc');
  });

  test('has room again when the last descriptor of a removed file is closed', async () => {
    const { disk, user, open } = makeDisk();
    const before = disk.used;
    user.write(`${ROOT}/a`, '12345');
    const held = await (await open()).openForReading('a');
    user.unlink(`${ROOT}/a`);
    assert.equal(disk.used, before + 5);
    await held.close();
    assert.equal(disk.used, before);
  });
});

test('a read-only disk is read and refuses every change', async () => {
  const { disk, user, open } = makeDisk();
  user.write(`${ROOT}/a`, 'a');
  const root = await open();
  const file = await root.createFile('b', 0o600);
  disk.isReadOnly = true;
  const code = 'EROFS';
  await assert.rejects(file.write(Buffer.from('x')), { code });
  await assert.rejects(root.createFile('c', 0o600), { code });
  await assert.rejects(root.createFile('a', 0o600), { code: 'EEXIST' });
  await assert.rejects(root.makeDirectory('c', 0o700), { code });
  await assert.rejects(root.rename('a', root, 'c'), { code });
  await assert.rejects(root.link('a', root, 'c'), { code });
  await assert.rejects(root.unlink('a'), { code });
  await assert.rejects(root.removeDirectory('c'), { code });
  await assert.rejects(root.setMode(0o700), { code });
  assert.throws(() => user.write(`${ROOT}/a`, 'x'), { code });
  assert.equal(user.readText(`${ROOT}/a`), 'a');
  assert.equal((await root.list()).length, 2);
});

describe('unmounting', () => {
  test('leaves nothing or an empty directory, and mounting brings all back', async () => {
    const { disk, user, files, open } = makeDisk();
    user.write(`${ROOT}/a`, 'a');
    const held = await open();
    disk.unmount(ROOT, 'nothing');
    await assert.rejects(files.openRoot(ROOT), { code: 'ENOENT' });
    assert.equal((await held.lstat('a'))?.kind, 'file');
    assert.equal(await held.path(), '/');
    disk.mount(ROOT);
    assert.equal(await held.path(), ROOT);
    disk.unmount(ROOT, 'empty-directory');
    assert.deepEqual(await (await open()).list(), []);
    user.write(`${ROOT}/b`, 'lost');
    const used = disk.used;
    disk.mount(ROOT);
    assert.deepEqual(
      user.tree(ROOT).map((entry) => entry.path),
      ['a'],
    );
    assert.ok(disk.used < used);
  });
});

describe('snapshots', () => {
  for (const how of ['files', 'volume'] as const) {
    test(`a directory comes back as it was, as ${how}`, () => {
      const { disk, user, elapse } = makeDisk();
      user.write(`${ROOT}/a`, 'old');
      user.link(`${ROOT}/a`, `${ROOT}/twin`);
      user.makeDirectories(`${ROOT}/d`);
      user.write(`${ROOT}/d/kept`, 'kept');
      const before = user.tree(ROOT);
      const used = disk.used;
      const snapshot = disk.snapshot(ROOT);
      elapse(1000);
      const overwrite = (text: string): void => {
        const writer = user.openWriter(`${ROOT}/a`);
        writer.write(text);
        writer.close();
      };
      overwrite('new');
      user.removeTree(`${ROOT}/d`);
      user.write(`${ROOT}/later`, 'x');
      for (let time = 0; time < 2; time += 1) {
        disk.restore(ROOT, snapshot, how);
        const after = user.tree(ROOT);
        assert.equal(disk.used, used);
        const lasting = (tree: typeof after) =>
          tree.map(({ ctimeNs: _ctimeNs, bornNs: _bornNs, inode: _inode, ...rest }) => ({
            ...rest,
            bytes: rest.bytes?.toString(),
          }));
        assert.deepEqual(lasting(after), lasting(before));
        for (const [index, entry] of after.entries()) {
          assert.equal(entry.inode === before[index]?.inode, how === 'volume');
          assert.equal(entry.ctimeNs === before[index]?.ctimeNs, how === 'volume');
        }
        assert.equal(user.lstat(`${ROOT}/a`)?.inode, user.lstat(`${ROOT}/twin`)?.inode);
        overwrite('again');
      }
    });
  }

  test('the whole disk comes back too, and its freed numbers stay unique', () => {
    const { disk, user } = makeDisk({ reusesInodes: true });
    user.write(`${ROOT}/a`, 'old');
    const snapshot = disk.snapshot('/');
    user.removeTree(ROOT);
    disk.restore('/', snapshot, 'volume');
    user.write(`${ROOT}/b`, 'new');
    const inodes = user.tree('/').map((entry) => entry.inode);
    assert.equal(new Set(inodes).size, inodes.length);
    assert.equal(user.readText(`${ROOT}/a`), 'old');
  });
});

test('where names fold, one spelling finds the other and is kept', async () => {
  const { user, open } = makeDisk({ foldsCase: true, foldsUnicode: true });
  user.write(`${ROOT}/Doc`, 'x');
  user.write(`${ROOT}/\u00e9`, 'y');
  const root = await open();
  assert.equal((await root.lstat('dOC'))?.size, 1);
  assert.equal((await root.lstat('e\u0301'))?.size, 1);
  await assert.rejects(root.createFile('doc', 0o600), { code: 'EEXIST' });
  user.write(`${ROOT}/doc`, 'in place');
  assert.deepEqual(
    user.tree(ROOT).map((entry) => entry.path),
    ['Doc', '\u00e9'],
  );
  await root.rename('doc', root, 'DOC');
  assert.equal(user.readText(`${ROOT}/Doc`), 'in place');
  assert.deepEqual(
    user
      .tree(ROOT)
      .map((entry) => entry.path)
      .sort(),
    ['DOC', '\u00e9'],
  );
});

test('a disk without hard links says so', async () => {
  const { user, open } = makeDisk({ hardLinks: false });
  user.write(`${ROOT}/a`, 'x');
  const root = await open();
  await assert.rejects(root.link('a', root, 'b'), { code: 'EPERM' });
});

test('special files can be made, and a socket not opened', async () => {
  const { user, open } = makeDisk();
  for (const kind of ['fifo', 'socket', 'device'] as const) user.makeSpecial(`${ROOT}/${kind}`, kind);
  const root = await open();
  await assert.rejects(root.openForReading('socket'), { code: 'ENXIO' });
  assert.equal((await root.lstat('device'))?.kind, 'device');
  assert.throws(() => user.write(`${ROOT}/fifo`, 'x'), { code: 'ENXIO' });
});

describe('a process', () => {
  test('takes one step for each call that others can notice', async () => {
    const { disk, user } = makeDisk();
    const steps: string[] = [];
    const files = disk.fileSystem(async (verb, subject, effect) => {
      steps.push(`${verb} ${subject}`);
      return effect();
    });
    const root = await files.openRoot(ROOT);
    user.write(`${ROOT}/a`, 'x');
    await root.makeDirectory('d', 0o700);
    await root.rename('a', await root.openDirectory('d'), 'b');
    await root.close();
    assert.deepEqual(steps, [
      `fs.openRoot ${ROOT}`,
      `fs.mkdir ${ROOT}/d`,
      `fs.open ${ROOT}/d`,
      `fs.rename ${ROOT}/a -> ${ROOT}/d/b`,
    ]);
  });

  test('that died has nothing open', async () => {
    const { disk, user, files, open } = makeDisk();
    const root = await open();
    const file = await root.createFile('a', 0o600);
    await file.write(Buffer.from('x'));
    user.unlink(`${ROOT}/a`);
    const used = disk.used;
    assert.equal(files.open, 2);
    files.exit();
    assert.equal(files.open, 0);
    assert.equal(disk.used, used - 1);
    await assert.rejects(file.write(Buffer.from('y')), { code: 'EBADF' });
    await assert.rejects(root.lstat('a'), { code: 'EBADF' });
    await root.close();
  });

  test('does not mix up two disks', async () => {
    const [one, other] = [makeDisk(), makeDisk()];
    one.user.write(`${ROOT}/a`, 'x');
    const to = await other.open();
    await assert.rejects((await one.open()).rename('a', to, 'a'), { code: 'EXDEV' });
  });
});

test('every change of a name or a content is announced', () => {
  const { disk, user } = makeDisk();
  user.write(`${ROOT}/a`, 'x');
  const seen: string[] = [];
  const stop = disk.onChange((path) => seen.push(path));
  const told = (action: () => void): string[] => {
    seen.length = 0;
    action();
    return [...new Set(seen)];
  };
  assert.deepEqual(
    told(() => user.append(`${ROOT}/a`, 'y')),
    [`${ROOT}/a`],
  );
  assert.deepEqual(
    told(() => user.rename(`${ROOT}/a`, `${ROOT}/b`)),
    [`${ROOT}/a`, `${ROOT}/b`],
  );
  assert.deepEqual(
    told(() => user.chmod(`${ROOT}/b`, 0o600)),
    [`${ROOT}/b`],
  );
  const writer = user.openWriter(`${ROOT}/b`);
  assert.deepEqual(
    told(() => user.unlink(`${ROOT}/b`)),
    [`${ROOT}/b`],
  );
  assert.deepEqual(
    told(() => writer.write('unseen')),
    [],
  );
  stop();
  assert.deepEqual(
    told(() => user.write(`${ROOT}/c`, '')),
    [],
  );
});
