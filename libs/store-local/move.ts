/**
 * Move: gives an entry another name without ever replacing what has that name. The system's
 * rename replaces, so a hard link makes the new name first. Where there are none, an empty
 * file made exclusively reserves the name and is then renamed over.
 */
import { ancestorsOf, baseOf, joinName, type Name, parentOf } from '#core/name.ts';
import { type Facts, type OpenDirectory, succeeds } from './file-system.ts';
import type { OpenFolder } from './open-folder.ts';
import { ensureParent, openParent } from './resolve.ts';

export type Moved =
  | 'moved'
  /** Something else has the name; nothing was changed. */
  | 'taken'
  /** Another process moved the entry first. */
  | 'gone';

/** @param facts of the entry, to know a link made by an interrupted run again. */
export async function moveWithoutClobber(
  folder: OpenFolder,
  from: OpenDirectory,
  segment: string,
  facts: Facts,
  to: OpenDirectory,
  toSegment: string,
): Promise<Moved> {
  const moved =
    facts.kind === 'directory'
      ? await moveTree(from, segment, to, toSegment)
      : folder.facts.hardLinks
        ? await moveByLink(from, segment, facts, to, toSegment)
        : await moveByReservation(from, segment, to, toSegment);
  if (moved === 'moved') await to.sync();
  return moved;
}

/**
 * Moves content that lost to the first free conflict name. @param parent directory of the winner.
 * @returns the name taken, or null when the entry is gone or no name was free.
 */
export async function moveAside(
  folder: OpenFolder,
  from: OpenDirectory,
  segment: string,
  facts: Facts,
  parent: OpenDirectory,
  conflictName: (attempt: number) => Name | undefined,
): Promise<Name | null> {
  for (let attempt = 0; attempt < MAX_CONFLICT_ATTEMPTS; attempt += 1) {
    const name = conflictName(attempt);
    if (name === undefined) return null;
    const moved = await moveWithoutClobber(folder, from, segment, facts, parent, baseOf(name));
    if (moved === 'moved') return name;
    if (moved === 'gone') return null;
  }
  return null;
}

/**
 * The same for content whose directory may have ended since: it is made anew, or where something else has its name,
 * the nearest directory above takes the copy. @param name that the content had.
 */
export async function moveNear(
  folder: OpenFolder,
  from: OpenDirectory,
  segment: string,
  facts: Facts,
  name: Name,
  conflictName: (attempt: number) => Name | undefined,
): Promise<Name | null> {
  const { fileSystem, rootDirectory } = folder;
  for (const place of [name, ...ancestorsOf(name).reverse()]) {
    const parent =
      place === name
        ? await ensureParent(fileSystem, rootDirectory, place)
        : await openParent(rootDirectory, place);
    if (parent.kind !== 'open') continue;
    const names = (attempt: number): Name | undefined => {
      const copy = conflictName(attempt);
      return copy === undefined ? undefined : joinName(parentOf(place), baseOf(copy));
    };
    try {
      const copy = await moveAside(folder, from, segment, facts, parent.directory, names);
      if (copy !== null) return copy;
    } finally {
      await parent.directory.close();
    }
  }
  return null;
}

const MAX_CONFLICT_ATTEMPTS = 100;

/** A rename replaces an empty directory at most, and that only when it appears after the look. */
async function moveTree(
  from: OpenDirectory,
  segment: string,
  to: OpenDirectory,
  toSegment: string,
): Promise<Moved> {
  if ((await to.lstat(toSegment)) !== null) return 'taken';
  if (await succeeds(from.rename(segment, to, toSegment), 'ENOENT', 'EEXIST', 'ENOTEMPTY', 'ENOTDIR')) {
    return 'moved';
  }
  return (await from.lstat(segment)) === null ? 'gone' : 'taken';
}

async function moveByLink(
  from: OpenDirectory,
  segment: string,
  facts: Facts,
  to: OpenDirectory,
  toSegment: string,
): Promise<Moved> {
  if (!(await succeeds(from.link(segment, to, toSegment), 'ENOENT', 'EEXIST'))) {
    if ((await from.lstat(segment)) === null) return 'gone';
    if ((await to.lstat(toSegment))?.inode !== facts.inode) return 'taken';
  }
  await succeeds(from.unlink(segment), 'ENOENT');
  return 'moved';
}

async function moveByReservation(
  from: OpenDirectory,
  segment: string,
  to: OpenDirectory,
  toSegment: string,
): Promise<Moved> {
  const reserving = to.createFile(toSegment, 0o600).then((file) => file.close());
  if (!(await succeeds(reserving, 'EEXIST'))) return 'taken';
  if (await succeeds(from.rename(segment, to, toSegment), 'ENOENT')) return 'moved';
  await to.unlink(toSegment);
  return 'gone';
}
