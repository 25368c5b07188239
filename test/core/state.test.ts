import assert from 'node:assert/strict';
import { test } from 'node:test';
import { laterSerial, NO_SERIAL, toSerial } from '#core/serial.ts';
import {
  ABSENT,
  type LocalState,
  sameContent,
  sameLocalFacts,
  sameRemoteContent,
  syncStateOf,
} from '#core/state.ts';
import {
  LOCAL_DIRECTORY,
  localFile,
  MANIFEST,
  NOON,
  REMOTE_DIRECTORY,
  remoteFile,
  SYMLINK,
  SYNC_DIRECTORY,
  syncFile,
} from './fixtures.ts';

const file = localFile('x') as Extract<LocalState, { kind: 'file' }>;

test('the same content is the same kind, size and hash, whatever the time', () => {
  assert.ok(sameContent(localFile('x', NOON + 1n), remoteFile('x', null)));
  assert.ok(sameContent(localFile('x'), syncFile('x')));
  assert.ok(!sameContent(localFile('x'), remoteFile('y')));
  assert.ok(!sameContent({ ...file, size: 4 }, remoteFile('x')));
  assert.ok(sameContent(LOCAL_DIRECTORY, SYNC_DIRECTORY));
  assert.ok(sameContent(ABSENT, ABSENT));
  assert.ok(!sameContent(LOCAL_DIRECTORY, remoteFile('x')));
  assert.ok(!sameContent(ABSENT, SYNC_DIRECTORY));
});

test('a file nobody hashed equals nothing, not even itself', () => {
  assert.ok(!sameContent(localFile(null), localFile(null)));
  assert.ok(!sameContent(localFile(null), syncFile('x')));
});

test('what cannot be synced equals nothing', () => {
  assert.ok(!sameContent(SYMLINK, SYMLINK));
  assert.ok(!sameContent(SYMLINK, MANIFEST));
});

test('a local file counts as unchanged only while size, time, inode and ctime stay', () => {
  assert.ok(sameLocalFacts(file, { ...file, mode: 0o600, hash: null }, 'with-ctime'));
  for (const change of [{ size: 4 }, { mtimeNs: NOON + 1n }, { inode: 8n }]) {
    assert.ok(!sameLocalFacts(file, { ...file, ...change }, 'with-ctime'));
    assert.ok(!sameLocalFacts(file, { ...file, ...change }, 'without-ctime'));
  }
});

test('an edit that restores size and time is seen by its ctime, our own renames are not', () => {
  const touched = { ...file, ctimeNs: file.ctimeNs + 1n };
  assert.ok(!sameLocalFacts(file, touched, 'with-ctime'));
  assert.ok(sameLocalFacts(file, touched, 'without-ctime'));
});

test('directories have no content of their own, special files are told apart by kind and inode', () => {
  assert.ok(sameLocalFacts(LOCAL_DIRECTORY, { ...LOCAL_DIRECTORY, mtimeNs: 1n } as LocalState, 'with-ctime'));
  assert.ok(sameLocalFacts(SYMLINK, SYMLINK, 'with-ctime'));
  assert.ok(!sameLocalFacts(SYMLINK, { ...SYMLINK, special: 'fifo' } as LocalState, 'with-ctime'));
  assert.ok(!sameLocalFacts(SYMLINK, { ...SYMLINK, inode: 1n } as LocalState, 'with-ctime'));
  assert.ok(!sameLocalFacts(SYMLINK, file, 'with-ctime'));
});

test('remote content is compared by size and hash, not by version or time', () => {
  assert.ok(
    sameRemoteContent(remoteFile('x'), { kind: 'file', size: 3, hash: 'x', version: null, mtimeNs: null }),
  );
  assert.ok(!sameRemoteContent(remoteFile('x'), remoteFile('y')));
  assert.ok(!sameRemoteContent(remoteFile('x'), REMOTE_DIRECTORY));
  assert.ok(sameRemoteContent(ABSENT, ABSENT));
});

test('SYNC takes only what both sides can hold', () => {
  assert.deepEqual(syncStateOf(localFile('x')), syncFile('x'));
  assert.deepEqual(syncStateOf(remoteFile('x')), syncFile('x'));
  assert.deepEqual(syncStateOf(LOCAL_DIRECTORY), SYNC_DIRECTORY);
  assert.deepEqual(syncStateOf(ABSENT), ABSENT);
  assert.equal(syncStateOf(localFile(null)), null);
  assert.equal(syncStateOf(SYMLINK), null);
  assert.equal(syncStateOf(MANIFEST), null);
});

test('serials are never negative and the later of two is known', () => {
  assert.throws(() => toSerial(-1n), RangeError);
  assert.equal(laterSerial(NO_SERIAL, toSerial(2n)), 2n);
  assert.equal(laterSerial(toSerial(10n), toSerial(9n)), 10n);
});
