/** Twins: on a file system that folds case or Unicode form, a directory above a name may be another's, too. */
import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { toName } from '#core/name.ts';
import { MemoryDisk } from '#libs/memory/disk.ts';
import { atOnce } from '#libs/memory/step.ts';
import { openLocalFolder } from '#libs/store-local/local-folder.ts';
import { systemClock } from '#test/store-local/folder-fixture.ts';

const CASES: readonly (readonly [what: string, made: string, asked: string, twin: string])[] = [
  ['the case of a directory above', 'dir/sub/file', 'DIR/sub/file', 'dir'],
  ['the case of a directory further down', 'dir/sub/file', 'dir/Sub/file', 'dir/sub'],
  ['the form of an accent above', 'caf\u00e9/file', 'cafe\u0301/file', 'caf\u00e9'],
  ['the case of Holdfast’s own directory', 'file', '.HOLDFAST/marker', '.holdfast'],
  ['the case of the name itself', 'dir/file', 'dir/FILE', 'dir/file'],
];

for (const [what, made, asked, twin] of CASES) {
  test(`a name that differs in ${what} is told as a twin`, async () => {
    const disk = new MemoryDisk(systemClock, { foldsCase: true, foldsUnicode: true });
    const user = disk.user();
    user.makeDirectories(dirname(`/root/${made}`));
    user.write(`/root/${made}`, 'x');
    const folder = openLocalFolder({
      root: '/root',
      pairId: 'pair-1',
      clock: systemClock,
      fileSystem: disk.fileSystem(atOnce),
    });
    assert.equal((await folder.attach('pair-1')).foldsCase, true);
    assert.deepEqual(await folder.probe(toName(asked)), { result: 'twin', twin });
    assert.equal((await folder.probe(toName(made))).result, 'state');
  });
}
