/**
 * Conformance of file systems: what the local folder relies on, run on real files and on the
 * disk in memory. An opener gives an empty folder and a user who works on it past the port.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { FileSystem, OpenDirectory } from '#libs/store-local/file-system.ts';
import type { FolderUser } from '#test/support/linux-user.ts';

export interface OpenedFileSystem {
  readonly fileSystem: FileSystem;
  readonly user: FolderUser;
  /** Absolute path of an empty folder that the process may do anything in. */
  readonly path: string;
}

/** Opens everything fresh; registers its own clean-up with `t.after`. */
export type OpenFileSystem = (t: TestContext) => Promise<OpenedFileSystem>;

interface Opened extends OpenedFileSystem {
  readonly root: OpenDirectory;
  at(name: string): string;
}

type Use = (t: TestContext, opened: Opened) => Promise<void>;
type Check = (title: string, use: Use) => void;

export function describeFileSystem(label: string, open: OpenFileSystem): void {
  const check: Check = (title, use) => {
    it(title, async (t) => {
      const opened = await open(t);
      const root = await opened.fileSystem.openRoot(opened.path);
      t.after(() => root.close());
      const { user, path } = opened;
      user.write(`${path}/file`, 'text');
      user.symlink('file', `${path}/link`);
      user.makeDirectories(`${path}/dir`);
      user.symlink('dir', `${path}/dir-link`);
      await use(t, { ...opened, root, at: (name) => `${path}/${name}` });
    });
  };
  describe(`${label} as file system`, () => {
    describe('opening', () => describeOpening(check));
    describe('names', () => describeNames(check));
    describe('links', () => describeLinks(check));
    describe('renames', () => describeRenames(check));
    describe('removals', () => describeRemovals(check));
    describe('open directories', () => describeOpenDirectories(check));
    describe('files', () => describeFiles(check));
    describe('times', () => describeTimes(check));
    describe('permissions', () => describePermissions(check));
  });
}

async function refuses(step: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(step, { code });
}

async function names(directory: OpenDirectory): Promise<string[]> {
  return (await directory.list()).map(({ bytes }) => bytes).sort();
}

function describeOpening(check: Check): void {
  check('links are never followed', async (_t, { root, fileSystem, at }) => {
    await refuses(root.openForReading('link'), 'ELOOP');
    await refuses(root.openDirectory('dir-link'), 'ENOTDIR');
    assert.throws(() => root.openDirectoryNow('dir-link'), { code: 'ENOTDIR' });
    await refuses(fileSystem.openRoot(at('dir-link')), 'ENOTDIR');
    await refuses(root.createFile('link', 0o600), 'EEXIST');
    assert.equal((await root.lstat('link'))?.kind, 'symlink');
  });

  check('a root that is missing or a file is refused', async (_t, { fileSystem, at }) => {
    await refuses(fileSystem.openRoot(at('missing')), 'ENOENT');
    await refuses(fileSystem.openRoot(at('missing/dir')), 'ENOENT');
    await refuses(fileSystem.openRoot(at('file')), 'ENOTDIR');
    await refuses(fileSystem.openRoot(at('file/dir')), 'ENOTDIR');
  });

  check('what is missing or no directory is not opened', async (_t, { root }) => {
    await refuses(root.openDirectory('missing'), 'ENOENT');
    await refuses(root.openDirectory('file'), 'ENOTDIR');
    await refuses(root.openForReading('missing'), 'ENOENT');
    assert.equal(await root.lstat('missing'), null);
    assert.equal(root.lstatNow('missing'), null);
  });

  check('nothing but regular files is opened for reading', async (_t, { root, user, at }) => {
    user.makeSpecial(at('pipe'), 'fifo');
    for (const name of ['dir', 'pipe']) await refuses(root.openForReading(name), 'ENXIO');
  });
}

function describeNames(check: Check): void {
  check('nothing but one segment of a name is taken', async (_t, { root }) => {
    for (const segment of ['', '.', '..', '../file', 'dir/x', '/etc', 'a\0b']) {
      await assert.rejects(async () => root.lstat(segment), RangeError);
      await assert.rejects(async () => root.rename('file', root, segment), RangeError);
    }
  });

  check('a name has at most 255 bytes', async (_t, { root }) => {
    const longest = 'é'.repeat(127);
    await root.makeDirectory(`${longest}x`, 0o700);
    await refuses(root.makeDirectory(`${longest}xx`, 0o700), 'ENAMETOOLONG');
    await refuses(root.createFile(`${longest}xx`, 0o600), 'ENAMETOOLONG');
    await refuses(root.lstat(`${longest}xx`), 'ENAMETOOLONG');
    assert.ok((await names(root)).includes(Buffer.from(`${longest}x`).toString('latin1')));
  });

  check('names are bytes, of any kind', async (_t, { root, user, path }) => {
    user.write(Buffer.from(`${path}/\xff\xfe`, 'latin1'), 'x');
    user.write(`${path}/ä`, 'x');
    user.makeDirectories(`${path}/${'ä'.normalize('NFD')}`);
    const listed = (await root.list()).filter(({ bytes }) => /[\x80-\xff]/.test(bytes));
    listed.sort((left, right) => (left.bytes < right.bytes ? -1 : 1));
    assert.deepEqual(listed, [
      { bytes: 'a\xcc\x88', isDirectory: true },
      { bytes: '\xc3\xa4', isDirectory: false },
      { bytes: '\xff\xfe', isDirectory: false },
    ]);
    assert.deepEqual([...root.listNow()].map(({ bytes }) => bytes).sort(), await names(root));
    assert.equal((await root.lstat('ä'))?.kind, 'file');
    const paths = user.tree(path).map((entry) => entry.path);
    assert.ok(paths.includes('\\xff\\xfe') && paths.includes('ä'));
  });
}

function describeLinks(check: Check): void {
  check('a second name of a link is a link', async (_t, { root, user, path }) => {
    await root.link('link', root, 'again');
    assert.equal(user.tree(path).find((entry) => entry.path === 'again')?.target, 'file');
  });

  check('a second name of a file is the same file', async (_t, { root, user, at, path }) => {
    await root.link('file', await root.openDirectory('dir'), 'second');
    user.append(at('dir/second'), ' more');
    assert.equal(user.readText(at('file')), 'text more');
    assert.deepEqual(user.lstat(at('file')), user.lstat(at('dir/second')));
    assert.equal(user.tree(path).find((entry) => entry.path === 'file')?.links, 2);
    await root.unlink('file');
    assert.equal(user.readText(at('dir/second')), 'text more');
  });

  check('a link replaces nothing', async (_t, { root }) => {
    for (const taken of ['link', 'dir', 'dir-link', 'file']) {
      await refuses(root.link('file', root, taken), 'EEXIST');
    }
    await refuses(root.link('missing', root, 'new'), 'ENOENT');
    await refuses(root.link('dir', root, 'new'), 'EPERM');
    await refuses(root.link('dir', root, 'file'), 'EEXIST');
    await refuses(root.link('missing', root, 'file'), 'ENOENT');
  });
}

function describeRenames(check: Check): void {
  check('a file replaces a file, a link, and no directory', async (_t, { root, user, at }) => {
    user.write(at('other'), 'other');
    await root.rename('other', root, 'link');
    assert.equal(user.readText(at('link')), 'other');
    await root.rename('link', root, 'file');
    assert.equal(user.readText(at('file')), 'other');
    await refuses(root.rename('file', root, 'dir'), 'EISDIR');
    await refuses(root.rename('missing', root, 'dir'), 'ENOENT');
  });

  check('a directory replaces an empty directory only', async (_t, { root, user, at }) => {
    user.makeDirectories(at('empty'));
    user.write(at('dir/x'), '1');
    await refuses(root.rename('empty', root, 'dir'), 'ENOTEMPTY');
    await refuses(root.rename('dir', root, 'file'), 'ENOTDIR');
    await root.rename('dir', root, 'empty');
    assert.equal(user.readText(at('empty/x')), '1');
    assert.equal(user.lstat(at('dir')), null);
  });

  check('a directory moves neither into itself nor over one above it', async (_t, { root, user, at }) => {
    user.makeDirectories(at('dir/sub'));
    const dir = await root.openDirectory('dir');
    const sub = await dir.openDirectory('sub');
    await refuses(root.rename('dir', sub, 'x'), 'EINVAL');
    await refuses(root.rename('dir', dir, 'x'), 'EINVAL');
    user.write(at('dir/sub/x'), '1');
    await refuses(sub.rename('x', root, 'dir'), 'ENOTEMPTY');
    assert.equal(user.readText(at('dir/sub/x')), '1');
  });

  check('two names of one file stay two', async (_t, { root, user, at }) => {
    await root.link('file', root, 'second');
    await root.rename('file', root, 'second');
    await root.rename('file', root, 'file');
    await root.rename('dir', root, 'dir');
    assert.deepEqual([user.readText(at('file')), user.readText(at('second'))], ['text', 'text']);
  });

  check('what was replaced lives on where it is open', async (_t, { root, user, at }) => {
    const writer = user.openWriter(at('file'), 'append');
    user.write(at('new'), 'new');
    await root.rename('new', root, 'file');
    writer.write(' late');
    assert.equal(Buffer.from(writer.content()).toString(), 'text late');
    assert.equal(user.readText(at('file')), 'new');
    writer.close();
  });
}

function describeRemovals(check: Check): void {
  check('an unlink takes anything but a directory', async (_t, { root, user, path }) => {
    await refuses(root.unlink('dir'), 'EISDIR');
    await refuses(root.unlink('missing'), 'ENOENT');
    for (const name of ['dir-link', 'link', 'file']) await root.unlink(name);
    assert.deepEqual(
      user.tree(path).map((entry) => entry.path),
      ['dir'],
    );
  });

  check('only an empty directory is removed', async (_t, { root, user, at }) => {
    user.write(at('dir/x'), '');
    await refuses(root.removeDirectory('dir'), 'ENOTEMPTY');
    await refuses(root.removeDirectory('file'), 'ENOTDIR');
    await refuses(root.removeDirectory('dir-link'), 'ENOTDIR');
    await refuses(root.removeDirectory('missing'), 'ENOENT');
    user.unlink(at('dir/x'));
    await root.removeDirectory('dir');
    assert.equal(user.lstat(at('dir')), null);
  });

  check('a hidden file is still written by who has it open', async (_t, { root, user, at }) => {
    const writer = user.openWriter(at('file'), 'append');
    const before = await root.lstat('file');
    await root.rename('file', await root.openDirectory('dir'), 'hidden');
    writer.write(' late');
    assert.equal(user.readText(at('dir/hidden')), 'text late');
    assert.equal(user.lstat(at('dir/hidden'))?.inode, before?.inode);
    user.unlink(at('dir/hidden'));
    writer.write(' later');
    assert.equal(Buffer.from(writer.content()).toString(), 'text late later');
    writer.close();
  });
}

function describeOpenDirectories(check: Check): void {
  check('one stays itself while its name moves, and tells where it is', async (_t, { root, user, at }) => {
    const directory = await root.openDirectory('dir');
    user.rename(at('dir'), at('moved'));
    user.makeDirectories(at('dir'));
    await (await directory.createFile('inside', 0o600)).close();
    assert.equal(user.readText(at('moved/inside')), '');
    assert.equal(await directory.path(), at('moved'));
    await directory.close();
  });

  check('a removed one holds and takes nothing', async (_t, { root, user, at }) => {
    const directory = await root.openDirectory('dir');
    await root.removeDirectory('dir');
    user.makeDirectories(at('dir'));
    user.write(at('dir/new'), '');
    assert.equal(await directory.path(), `${at('dir')} (deleted)`);
    assert.equal(await directory.lstat('new'), null);
    assert.equal(directory.lstatNow('new'), null);
    assert.equal((await directory.facts()).kind, 'directory');
    assert.deepEqual([await directory.list(), directory.listNow()], [[], []]);
    await refuses(directory.createFile('x', 0o600), 'ENOENT');
    await refuses(directory.makeDirectory('x', 0o700), 'ENOENT');
    await refuses(directory.openDirectory('new'), 'ENOENT');
    await refuses(directory.openForReading('new'), 'ENOENT');
    await refuses(directory.unlink('new'), 'ENOENT');
    await refuses(root.link('file', directory, 'x'), 'ENOENT');
    await refuses(root.rename('file', directory, 'x'), 'ENOENT');
    await (await directory.openDirectoryAgain()).close();
    await directory.setMode(0o700);
    await directory.sync();
    await directory.close();
  });

  check('a second descriptor outlives the first', async (_t, { root }) => {
    const directory = await root.openDirectory('dir');
    const again = await directory.openDirectoryAgain();
    await directory.close();
    await again.makeDirectory('inside', 0o700);
    assert.deepEqual(await names(again), ['inside']);
    await again.close();
  });

  check('closing twice does not close somebody else’s descriptor', async (_t, { root }) => {
    const directory = await root.openDirectory('dir');
    await directory.close();
    const other = await root.openDirectory('dir');
    await directory.close();
    directory.closeNow();
    assert.equal((await other.facts()).kind, 'directory');
    await other.close();
  });
}

function describeFiles(check: Check): void {
  check('a new file is made once and written piece by piece', async (_t, { root, user, at }) => {
    const file = await root.createFile('new', 0o640);
    const bytes = Buffer.from('one two');
    await file.write(bytes.subarray(0, 3));
    await file.write(bytes.subarray(3));
    bytes.fill('x');
    await file.write(new Uint8Array(0));
    const into = new Uint8Array(10);
    assert.equal(await file.read(into, 4), 3);
    assert.equal(Buffer.from(into.subarray(0, 3)).toString(), 'two');
    assert.equal(await file.read(into, 7), 0);
    assert.equal(await file.read(into, 100), 0);
    await file.sync();
    await file.close();
    assert.equal(user.readText(at('new')), 'one two');
    assert.equal(user.lstat(at('new'))?.mode, 0o640);
    await refuses(root.createFile('new', 0o600), 'EEXIST');
    await refuses(root.createFile('dir', 0o600), 'EEXIST');
  });

  check('a writer keeps its place when the file is cut', async (_t, { root, user, at }) => {
    const file = await root.createFile('new', 0o600);
    await file.write(Buffer.from('abcdef'));
    user.truncate(at('new'), 2);
    await file.write(Buffer.from('g'));
    await file.close();
    assert.equal(user.readText(at('new')), 'ab\0\0\0\0g');
    user.truncate(at('new'), 1);
    user.truncate(at('new'), 3);
    assert.equal(user.readText(at('new')), 'a\0\0');
  });

  check('a reader sees what is written meanwhile', async (_t, { root, user, at }) => {
    const reader = await root.openForReading('file');
    const kept = Buffer.from(user.read(at('file')) ?? []).toString();
    user.write(at('file'), 'TEXT+');
    const into = new Uint8Array(8);
    assert.equal(await reader.read(into, 0), 5);
    assert.equal(Buffer.from(into.subarray(0, 5)).toString(), 'TEXT+');
    assert.equal(kept, 'text');
    user.save(at('file'), 'saved');
    assert.equal((await reader.facts()).size, 5);
    await reader.read(into, 0);
    assert.equal(Buffer.from(into.subarray(0, 5)).toString(), 'TEXT+');
    await reader.close();
  });

  check('a content once read stays what it was', async (_t, { user, at }) => {
    const read = user.read(at('file'));
    user.openWriter(at('file')).write('T');
    assert.equal(Buffer.from(read ?? []).toString(), 'text');
    assert.equal(user.readText(at('file')), 'Text');
  });

  check('modes and directories’ modes are set as told', async (_t, { root, user, at }) => {
    const file = await root.createFile('new', 0o600);
    await file.setMode(0o754);
    await file.close();
    assert.equal(user.lstat(at('new'))?.mode, 0o754);
    const dir = await root.openDirectory('dir');
    await dir.setMode(0o2750);
    assert.equal((await dir.facts()).mode, 0o2750);
    await dir.makeDirectory('sub', 0o777);
    assert.equal((await dir.lstat('sub'))?.mode, 0o2755);
    assert.equal((await root.lstat('link'))?.size, 4);
  });
}

/** Longer than the kernel's tick, which is what times of changes are told by. */
const TICK_MS = 15;

function describeTimes(check: Check): void {
  check('a file’s time is set to the nanosecond, before 1970 too', async (_t, { root }) => {
    const file = await root.createFile('new', 0o600);
    for (const mtimeNs of [1_700_000_000_123_456_789n, -1_500_000_001n]) {
      await file.setModifiedAt(mtimeNs);
      assert.equal((await file.facts()).mtimeNs, mtimeNs);
    }
    await file.close();
  });

  type Moves = readonly [what: string, change: (opened: Opened) => unknown, mtime: boolean, ctime: boolean];
  const moves: readonly Moves[] = [
    ['a write', ({ user, at }) => user.append(at('file'), 'x'), true, true],
    ['a write in place', ({ user, at }) => user.openWriter(at('file')).write('T'), true, true],
    ['a cut', ({ user, at }) => user.truncate(at('file'), 1), true, true],
    ['a mode', ({ user, at }) => user.chmod(at('file'), 0o600), false, true],
    ['a rename', ({ root }) => root.rename('file', root, 'moved'), false, true],
    ['a further name', ({ root }) => root.link('file', root, 'second'), false, true],
    ['a name less', ({ root }) => root.unlink('twin'), false, true],
    ['a replaced name', ({ root }) => root.rename('link', root, 'twin'), false, true],
    ['a look', ({ user, at }) => user.read(at('file')), false, false],
  ];
  for (const [what, change, movesMtime, movesCtime] of moves) {
    check(
      `${what} moves ${movesMtime ? 'both times' : movesCtime ? 'ctime only' : 'neither time'}`,
      async (_t, opened) => {
        await opened.root.link('file', opened.root, 'twin');
        const file = await opened.root.openForReading('file');
        const before = await file.facts();
        await delay(TICK_MS);
        await change(opened);
        const after = await file.facts();
        assert.equal(after.mtimeNs > before.mtimeNs, movesMtime, 'mtime');
        assert.equal(after.ctimeNs > before.ctimeNs, movesCtime, 'ctime');
        await file.close();
      },
    );
  }

  const directoryMoves: readonly [string, (opened: Opened) => unknown, boolean][] = [
    ['a new file', async ({ root }) => (await root.createFile('new', 0o600)).close(), true],
    ['a new directory', ({ root }) => root.makeDirectory('new', 0o700), true],
    ['a removed directory', ({ root }) => root.removeDirectory('dir'), true],
    ['a rename inside', ({ root }) => root.rename('file', root, 'moved'), true],
    ['a further name', ({ root }) => root.link('file', root, 'second'), true],
    ['a write to a file in it', ({ user, at }) => user.append(at('file'), 'x'), false],
    ['a new file in a directory in it', ({ user, at }) => user.write(at('dir/x'), 'x'), false],
  ];
  for (const [what, change, isMoved] of directoryMoves) {
    check(`${what} ${isMoved ? 'moves' : 'leaves'} its directory’s times`, async (_t, opened) => {
      const before = await opened.root.facts();
      await delay(TICK_MS);
      await change(opened);
      const after = await opened.root.facts();
      assert.equal(after.mtimeNs > before.mtimeNs, isMoved);
      assert.equal(after.ctimeNs > before.ctimeNs, isMoved);
    });
  }
}

function describePermissions(check: Check): void {
  const skipped = 'root may do anything';
  const bound = (title: string, use: Use): void => {
    check(title, async (t, opened) => {
      if (opened.fileSystem.setsOwners) t.skip(skipped);
      else await use(t, opened);
    });
  };

  bound('a file without the owner’s bit is not read', async (_t, { root, user, at }) => {
    user.chmod(at('file'), 0o277);
    await refuses(root.openForReading('file'), 'EACCES');
    assert.equal((await root.lstat('file'))?.mode, 0o277);
    await root.rename('file', root, 'moved');
    await root.unlink('moved');
    const unreadable = await root.createFile('new', 0);
    await unreadable.write(Buffer.from('x'));
    await unreadable.close();
  });

  bound('a directory is listed, searched and changed as its bits say', async (_t, { root, user, at }) => {
    user.write(at('dir/x'), 'x');
    const open = await root.openDirectory('dir');
    user.chmod(at('dir'), 0o077);
    await refuses(root.openDirectory('dir'), 'EACCES');
    await refuses(open.lstat('x'), 'EACCES');
    await refuses(open.lstat('missing'), 'EACCES');
    assert.throws(() => open.lstatNow('x'), { code: 'EACCES' });
    await refuses(open.list(), 'EACCES');
    assert.throws(() => open.listNow(), { code: 'EACCES' });
    await refuses(open.openDirectoryAgain(), 'EACCES');
    user.chmod(at('dir'), 0o477);
    assert.deepEqual(await names(open), ['x']);
    await refuses(open.lstat('x'), 'EACCES');
    await refuses(open.openDirectoryAgain(), 'EACCES');
    await (await root.openDirectory('dir')).close();
    user.chmod(at('dir'), 0o500);
    assert.equal((await open.lstat('x'))?.kind, 'file');
    await refuses(open.createFile('new', 0o600), 'EACCES');
    await refuses(open.createFile('x', 0o600), 'EEXIST');
    await refuses(open.makeDirectory('new', 0o700), 'EACCES');
    await refuses(open.unlink('x'), 'EACCES');
    await refuses(open.unlink('missing'), 'ENOENT');
    await refuses(open.rename('x', root, 'x'), 'EACCES');
    await refuses(root.rename('file', open, 'y'), 'EACCES');
    await refuses(root.link('file', open, 'y'), 'EACCES');
    await open.setMode(0o700);
    await open.unlink('x');
  });

  bound('a directory that may not be written does not change its parent', async (_t, { root, user, at }) => {
    user.makeDirectories(at('other'));
    user.chmod(at('other'), 0o500);
    await refuses(root.rename('other', await root.openDirectory('dir'), 'other'), 'EACCES');
    await root.rename('other', root, 'renamed');
    assert.equal(user.lstat(at('renamed'))?.mode, 0o500);
  });

  bound('files are given to nobody else', async (_t, { root }) => {
    const file = await root.createFile('new', 0o600);
    const { uid, gid } = await file.facts();
    await file.setOwner(uid, gid);
    await refuses(file.setOwner(uid + 1, gid), 'EPERM');
    await file.close();
  });
}
