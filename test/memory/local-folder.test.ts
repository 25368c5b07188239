/** The local folder's own tests once more, on a disk in memory: what they prove holds in the simulation too. */
import { useMemory } from '#test/store-local/folder-fixture.ts';

useMemory();
for (const part of ['partial', 'pull', 'remove', 'stage', 'trash', 'walk']) {
  await import(`#test/store-local/${part}.test.ts`);
}
