/** Raw access to a store in memory, as the other writer of the object store suite. */
import type { RawStore } from '#libs/memory/raw-store.ts';
import type { OtherWriter } from '#test/conformance/object-store.ts';

export function rawWriter(
  raw: RawStore,
  container: { readonly drop: () => void; readonly create: () => void },
): OtherWriter {
  return {
    put: async (rawName, bytes) => raw.put(rawName, bytes),
    putDirectory: async (rawName) => raw.putDirectory(rawName),
    putUnhandled: async (rawName) => raw.putUnhandled(rawName),
    remove: async (rawName) => raw.remove(rawName),
    get: async (rawName) => raw.contents(rawName),
    dropContainer: async () => container.drop(),
    recreateContainer: async () => {
      container.drop();
      container.create();
    },
  };
}
