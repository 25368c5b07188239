import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linuxFileSystem } from '#libs/store-local/linux-file-system.ts';
import { describeFileSystem } from '#test/conformance/file-system.ts';
import { linuxUser } from '#test/support/linux-user.ts';
import { asOrdinaryUser } from '#test/support/ordinary-user.ts';

describeFileSystem('Linux', async (t) => {
  t.after(asOrdinaryUser());
  const path = mkdtempSync(join(tmpdir(), 'linux-fs-'));
  t.after(() => rmSync(path, { recursive: true }));
  return { fileSystem: { ...linuxFileSystem, setsOwners: process.geteuid?.() === 0 }, user: linuxUser, path };
});
