/** Opens an attached memory store on a container of its own. */
import { createHash } from 'node:crypto';
import { createMemoryContainer, type MemoryContainer, openMemoryStore } from '#libs/memory/object-store.ts';
import { atOnce, type Step } from '#libs/memory/step.ts';
import type { OpenedStore } from '#test/conformance/object-store.ts';
import { rawWriter } from '#test/support/raw-writer.ts';

export interface OpenedMemory extends OpenedStore {
  readonly container: MemoryContainer;
}

export async function openMemory(step: Step = atOnce): Promise<OpenedMemory> {
  const container = createMemoryContainer({ now: Date.now });
  const store = openMemoryStore(container, step);
  await store.attach({ create: true, identity: 'pair-1', versioning: true });
  return {
    container,
    store,
    second: openMemoryStore(container),
    identity: 'pair-1',
    hash: (bytes) => createHash('md5').update(bytes).digest('hex'),
    unsyncableRawNames: ['/leading', 'a//b', '.', '..', 'a/../b', 'trailing/', 'new\nline'],
    other: rawWriter(container, { drop: () => container.drop(), create: () => container.create() }),
  };
}
