import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { OpenDirectory } from '#libs/store-local/file-system.ts';
import { linuxFileSystem } from '#libs/store-local/linux-file-system.ts';

let base: string;
let root: OpenDirectory;

beforeEach(async () => {
  base = fs.mkdtempSync(join(tmpdir(), 'linux-fs-'));
  fs.writeFileSync(join(base, 'file'), 'text');
  fs.symlinkSync('file', join(base, 'link'));
  fs.mkdirSync(join(base, 'dir'));
  fs.symlinkSync('dir', join(base, 'dir-link'));
  root = await linuxFileSystem.openRoot(base);
});
afterEach(async () => {
  await root.close();
  fs.rmSync(base, { recursive: true });
});

describe('the Linux file system', () => {
  test('links are never followed', async () => {
    await assert.rejects(root.openForReading('link'), { code: 'ELOOP' });
    await assert.rejects(root.openDirectory('dir-link'), { code: 'ENOTDIR' });
    assert.throws(() => root.openDirectoryNow('dir-link'), { code: 'ENOTDIR' });
    await assert.rejects(linuxFileSystem.openRoot(join(base, 'dir-link')), { code: 'ENOTDIR' });
    await assert.rejects(root.createFile('link', 0o600), { code: 'EEXIST' });
    assert.equal((await root.lstat('link'))?.kind, 'symlink');
  });

  test('a second name of a link is a link', async () => {
    await root.link('link', root, 'again');
    assert.equal(fs.readlinkSync(join(base, 'again')), 'file');
  });

  test('opening a pipe does not wait for a writer', async () => {
    execFileSync('mkfifo', [join(base, 'pipe')]);
    const pipe = await root.openForReading('pipe');
    assert.equal((await pipe.facts()).kind, 'fifo');
    await pipe.close();
  });

  test('nothing but one segment of a name is taken', async () => {
    for (const segment of ['', '.', '..', '../file', 'dir/x', '/etc', 'a\0b']) {
      await assert.rejects(async () => root.lstat(segment), RangeError);
      await assert.rejects(async () => root.rename('file', root, segment), RangeError);
    }
  });

  test('an open directory stays itself while its name moves, and tells where it is', async () => {
    const directory = await root.openDirectory('dir');
    fs.renameSync(join(base, 'dir'), join(base, 'moved'));
    fs.mkdirSync(join(base, 'dir'));
    await (await directory.createFile('inside', 0o600)).close();
    assert.deepEqual(fs.readdirSync(join(base, 'moved')), ['inside']);
    assert.equal(await directory.path(), join(base, 'moved'));
    await directory.close();
  });

  test('closing twice does not close somebody else’s descriptor', async () => {
    const directory = await root.openDirectory('dir');
    await directory.close();
    const other = await root.openDirectory('dir');
    await directory.close();
    directory.closeNow();
    assert.equal((await other.facts()).kind, 'directory');
    await other.close();
  });
});
