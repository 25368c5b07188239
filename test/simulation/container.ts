/**
 * Container: the upstream side of a simulated world, as its users and the checker see it: raw objects, past every
 * adapter, and told at once. What the engine sees of it is its adapter's business.
 */
import type { ObjectStore } from '#ports/object-store.ts';
import type { Life } from './process.ts';

export interface SimContainer {
  readonly identity: string;
  /** Grows with every change of an object. */
  readonly changes: number;
  /** Current objects: bytes, or null for a directory's. */
  objects(): ReadonlyMap<string, Uint8Array | null>;
  /** Contents that only a version holds. */
  versions(): Iterable<Uint8Array>;
  /** The content of one version of a name; null when there is none. */
  version(rawName: string, id: string): Uint8Array | null;
  put(rawName: string, bytes: Uint8Array): void;
  putDirectory(rawName: string): void;
  remove(rawName: string): void;
  /** The adapter that a process uses. */
  open(life: Life): ObjectStore;
  /** Names that the store takes and no folder can hold. */
  readonly oddNames: readonly string[];
}
