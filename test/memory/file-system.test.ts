import { MemoryDisk } from '#libs/memory/disk.ts';
import { atOnce } from '#libs/memory/step.ts';
import { describeFileSystem } from '#test/conformance/file-system.ts';

const systemClock = { now: () => Date.now() };

describeFileSystem('memory disk', async () => {
  const disk = new MemoryDisk(systemClock);
  const path = '/srv/folder';
  disk.user().makeDirectories(path);
  return { fileSystem: disk.fileSystem(atOnce), user: disk.user(), path };
});
