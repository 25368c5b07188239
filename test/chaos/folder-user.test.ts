/** A folder user alone: what is in the folder is known, and what is not there any more was taken away by him. */
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { temporaryDirectory } from '#test/support/temporary-directory.ts';
import { isEmptyHash } from '../../scripts/chaos/content.ts';
import { FolderUser } from '../../scripts/chaos/folder-user.ts';
import type { Journal } from '../../scripts/chaos/journal.ts';
import { Ledger, swiftDigest } from '../../scripts/chaos/ledger.ts';
import { NAME_SPACE } from '../../scripts/chaos/names.ts';
import { randomOf } from '../../scripts/chaos/random.ts';
import { readFolder } from '../../scripts/chaos/sides.ts';

const ACTS = 120;

it('what a user wrote is at a name or was taken away, for certain, whatever he does', async (t) => {
  const dir = await temporaryDirectory(t, 'holdfast-folder-user-');
  const [folder, desk] = [join(dir, 'folder'), join(dir, 'desk')];
  await mkdir(folder);
  await mkdir(desk);
  const noted = new Set<string>();
  const journal: Journal = { note: (what) => noted.add(what), counts: new Map() };
  const ledger = new Ledger('pair', swiftDigest, journal);
  const names = { ...NAME_SPACE, mostFiles: 15 };
  const user = new FolderUser({ folder, desk, ledger, journal, random: randomOf('alone', 'user'), names });
  for (let act = 0; act < ACTS; act += 1) await user.act();

  const { files } = await readFolder(folder);
  const held = new Set(files.values());
  for (const [name, hash] of files) {
    if (isEmptyHash(hash)) assert.ok(ledger.mayBeEmpty(name), name);
    else assert.ok(ledger.ofMd5(hash)?.names.has(name), `${name} is where he put it`);
  }
  for (const content of ledger.contents()) {
    assert.equal(
      content.removals.length > 0,
      !held.has(content.md5),
      `${content.id} is there or was removed`,
    );
  }
  assert.deepEqual(noted.has('blind'), false, 'nobody else is there whom he could meet unseen');
  for (const what of ['written', 'removed', 'placed', 'renamed-directory']) assert.ok(noted.has(what), what);
});
