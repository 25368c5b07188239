/** Sight: what both sides hold at one moment, as an eye that sees through everything would read it. */
import type { DiskUser } from '#libs/memory/disk-user.ts';
import { DIRECTORY, SPECIAL } from './book.ts';
import type { SimContainer } from './container.ts';

export interface FolderSight {
  /** By name: a content, DIRECTORY or SPECIAL. */
  readonly names: ReadonlyMap<string, string>;
  /** Contents below `.holdfast/`, by path. */
  readonly hidden: ReadonlyMap<string, string>;
}

/** Where an adapter puts aside what it is about to delete; nobody else looks there. */
const HIDDEN = '.holdfast-delete/';
const PRIVATE = '.holdfast/';

export function seeFolder(disk: DiskUser, root: string): FolderSight {
  const names = new Map<string, string>();
  const hidden = new Map<string, string>();
  for (const { path, kind, bytes } of disk.tree(root)) {
    if (path.startsWith(PRIVATE)) {
      if (bytes !== null && bytes.length > 0 && !path.endsWith('.json')) hidden.set(path, textOf(bytes));
    } else if (path !== '.holdfast') {
      names.set(path, kind === 'file' ? textOf(bytes) : kind === 'directory' ? DIRECTORY : SPECIAL);
    }
  }
  return { names, hidden };
}

export function seeContainer(container: SimContainer): ReadonlyMap<string, string> {
  return seeObjects(objectsOf(container));
}

/** Directories that only their contents imply are there, too. */
export function seeObjects(
  objects: Iterable<readonly [string, Uint8Array | null]>,
): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [name, bytes] of objects) {
    // A name that no folder can hold implies none.
    const isOdd = name.split('/').includes('');
    for (let slash = isOdd ? -1 : name.indexOf('/'); slash > 0; slash = name.indexOf('/', slash + 1)) {
      const above = name.slice(0, slash);
      if (!names.has(above)) names.set(above, DIRECTORY);
    }
    names.set(name, bytes === null ? DIRECTORY : textOf(bytes));
  }
  return names;
}

/** Current objects: bytes, or null for a directory's. */
export function objectsOf({ raw }: SimContainer): Map<string, Uint8Array | null> {
  const names = raw.names().filter((name) => !name.startsWith(HIDDEN));
  return new Map(names.map((name) => [name, raw.contents(name)]));
}

/** Whether some name of the container can still give a content that it held, as a version. */
export function isVersion({ raw }: SimContainer, content: string): boolean {
  return raw
    .namesEver()
    .some((name) =>
      raw.history(name).some(({ bytes, isReachable }) => isReachable && textOf(bytes) === content),
    );
}

export function textOf(bytes: Uint8Array | null): string {
  if (bytes === null || bytes.length === 0) return '';
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
