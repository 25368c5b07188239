/** Opens an attached memory store on a container of its own. */
import { createHash } from 'node:crypto';
import { createMemoryContainer, openMemoryStore } from '#libs/memory/object-store.ts';
import type { OpenedStore } from '#test/conformance/object-store.ts';

export async function openMemory(): Promise<OpenedStore> {
  const container = createMemoryContainer({ now: Date.now });
  const store = openMemoryStore(container);
  await store.attach({ create: true, identity: 'pair-1', versioning: true });
  return {
    store,
    second: openMemoryStore(container),
    identity: 'pair-1',
    hash: (bytes) => createHash('md5').update(bytes).digest('hex'),
    unsyncableRawNames: ['/leading', 'a//b', '.', '..', 'a/../b', 'trailing/', 'new\nline'],
    other: {
      put: async (rawName, bytes) => void container.write(rawName, { kind: 'file', bytes }),
      putDirectory: async (rawName) => void container.write(rawName, { kind: 'directory' }),
      putUnhandled: async (rawName) => void container.write(rawName, { kind: 'unhandled' }),
      remove: async (rawName) => void container.write(rawName, { kind: 'absent' }),
      get: async (rawName) => {
        const body = container.current(rawName)?.body;
        return body?.kind === 'file' ? body.bytes : null;
      },
      dropContainer: async () => container.drop(),
      recreateContainer: async () => {
        container.drop();
        container.create();
      },
    },
  };
}
