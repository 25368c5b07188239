/**
 * Trash: where displaced content stays reachable, `.holdfast/trash/<yyyymmdd>/<item>/<basename>`,
 * with its facts beside it in `<item>.json`. The facts let a late look tell, without reading
 * content, that a writer who held the file open went on writing.
 */
import { baseOf, type Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { LateLook } from '#ports/local-folder.ts';
import { nameHash, unlinkIfPresent } from './attempts.ts';
import { type Facts, type OpenDirectory, succeeds, systemCode } from './file-system.ts';
import { countIn, digestIn, readJson, writeJson } from './json-file.ts';
import { moveNear, moveWithoutClobber } from './move.ts';
import { type OpenFolder, openOwn, privatePath, TRASH } from './open-folder.ts';
import { ensureParent, openParent } from './resolve.ts';

/** Beside an item whose content a late look moved away, or began to. */
const MOVED = '.moved';

export interface Displacing {
  readonly from: OpenDirectory;
  readonly segment: string;
  readonly facts: Facts;
  readonly name: Name;
  /** Digest of the content where known. */
  readonly hash: string | null;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The trash item's name; the same for every repetition of one displacement. */
  readonly item: string;
}

/** Moves a file or special file into the trash. @returns null when another process displaced it first. */
export async function putInTrash(
  folder: OpenFolder,
  displacing: Displacing,
): Promise<RecoveryPointer | null> {
  const { facts, item, name, hash } = displacing;
  const day = dayOf(displacing.at);
  return withDirectories(folder, [TRASH, day], async (dayDirectory) => {
    await writeJson(dayDirectory, `${item}.json`, {
      name,
      size: facts.size,
      mtimeNs: `${facts.mtimeNs}`,
      hash,
      displacedAt: displacing.at,
    });
    const itemDirectory = await openOwn(
      dayDirectory,
      item,
      `${privatePath(folder, TRASH)}/${day}/${item}`,
      'local-denied',
    );
    try {
      const moved = displacing.from.rename(displacing.segment, itemDirectory, baseOf(name));
      if (!(await succeeds(moved, 'ENOENT'))) return null;
      await itemDirectory.sync();
    } finally {
      await itemDirectory.close();
    }
    return { kind: 'trash', locator: `${day}/${item}/${baseOf(name)}`, size: facts.size, hash };
  });
}

/**
 * What an earlier run of the same order displaced, so that a repeated commit reports the same pointer
 * although the outcome of the first was lost with its process.
 */
export async function findTrashed(
  folder: OpenFolder,
  name: Name,
  serial: Serial,
): Promise<RecoveryPointer | null> {
  const prefix = `${serial}-${nameHash(name)}-`;
  const now = folder.clock.now();
  const today = await findItem(folder, name, now, prefix);
  return today ?? findItem(folder, name, now - 24 * 3_600_000, prefix);
}

/** The pointer of an item by its name or the beginning of it, among those displaced on the day of `at` (ms since the epoch). */
export async function findItem(
  folder: OpenFolder,
  name: Name,
  at: number,
  prefix: string,
): Promise<RecoveryPointer | null> {
  const day = dayOf(at);
  return withDirectories(folder, [TRASH], async (trash) => {
    const dayDirectory = await openIfPresent(trash, day);
    if (dayDirectory === null) return null;
    try {
      return await findInDay(dayDirectory, day, prefix, baseOf(name));
    } finally {
      await dayDirectory.close();
    }
  });
}

/** As `trashItemOf` makes them; no other is told on. */
export const ITEM = /^\d{1,19}-[0-9a-f]{16}-[\w-]{1,64}$/;

async function findInDay(
  dayDirectory: OpenDirectory,
  day: string,
  prefix: string,
  base: string,
): Promise<RecoveryPointer | null> {
  for (const { bytes: item, isDirectory } of await dayDirectory.list()) {
    if (!isDirectory || !item.startsWith(prefix) || !ITEM.test(item)) continue;
    const itemDirectory = await openIfPresent(dayDirectory, item);
    if (itemDirectory === null) continue;
    try {
      if ((await itemDirectory.lstat(base)) === null) continue;
    } finally {
      await itemDirectory.close();
    }
    const record = await readJson(dayDirectory, `${item}.json`);
    if (record === null) continue;
    return {
      kind: 'trash',
      locator: `${day}/${item}/${base}`,
      size: countIn(record['size']) ?? 0,
      hash: digestIn(record['hash']),
    };
  }
  return null;
}

export interface Trashed {
  readonly itemDirectory: OpenDirectory;
  readonly dayDirectory: OpenDirectory;
  readonly trash: OpenDirectory;
  readonly day: string;
  readonly item: string;
  readonly base: string;
}

/** Runs `work` on an item's directories; null when the item is gone. */
export async function withTrashed<Result>(
  folder: OpenFolder,
  pointer: RecoveryPointer,
  work: (trashed: Trashed) => Promise<Result>,
): Promise<Result | null> {
  const parts = pointer.locator.split('/');
  const [day, item, base] = parts;
  const isPath = parts.length === 3 && parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (pointer.kind !== 'trash' || !isPath || !day || !item || !base) {
    throw new HoldfastError('not-found', `no trash of a folder: ${pointer.kind} ${pointer.locator}`);
  }
  return withDirectories(folder, [TRASH], async (trash) => {
    const dayDirectory = await openIfPresent(trash, day);
    if (dayDirectory === null) return null;
    try {
      const itemDirectory = await openIfPresent(dayDirectory, item);
      if (itemDirectory === null) return null;
      try {
        return await work({ itemDirectory, dayDirectory, trash, day, item, base });
      } finally {
        await itemDirectory.close();
      }
    } finally {
      await dayDirectory.close();
    }
  });
}

/** See `LocalFolder.lookAgain`. */
export async function lookAgainAtTrash(
  folder: OpenFolder,
  name: Name,
  pointer: RecoveryPointer,
  conflictName: (attempt: number) => Name,
): Promise<LateLook> {
  const seen = await withTrashed(folder, pointer, async (trashed): Promise<LateLook> => {
    const facts = await trashed.itemDirectory.lstat(trashed.base);
    const begun = `${trashed.item}${MOVED}`;
    if (facts === null) return (await trashed.dayDirectory.lstat(begun)) === null ? 'unchanged' : 'gone';
    if (facts.kind !== 'file') return 'unchanged';
    const record = await readJson(trashed.dayDirectory, `${trashed.item}.json`);
    const hasMoved = record !== null && record['mtimeNs'] !== `${facts.mtimeNs}`;
    if (facts.size === pointer.size && !hasMoved) return 'unchanged';
    const { itemDirectory, dayDirectory, base } = trashed;
    // Should this process die after the move, the next look knows where the content went.
    const noting = dayDirectory.createFile(begun, 0o600).then((file) => file.close());
    await succeeds(noting, 'EEXIST');
    const copy = await moveNear(folder, itemDirectory, base, facts, name, conflictName);
    return copy === null ? 'unchanged' : { copy };
  });
  return seen ?? 'unchanged';
}

/** See `LocalFolder.restore`. @throws HoldfastError not-found when the trash no longer holds it. */
export async function restoreFromTrash(
  folder: OpenFolder,
  name: Name,
  pointer: RecoveryPointer,
): Promise<boolean> {
  const restored = await withTrashed(folder, pointer, async (trashed) => {
    const facts = await trashed.itemDirectory.lstat(trashed.base);
    if (facts === null) return null;
    const parent = await ensureParent(folder.fileSystem, folder.rootDirectory, name);
    if (parent.kind !== 'open') return false;
    try {
      const { itemDirectory, base } = trashed;
      const moved = await moveWithoutClobber(
        folder,
        itemDirectory,
        base,
        facts,
        parent.directory,
        baseOf(name),
      );
      if (moved === 'taken') return false;
      await removeItem(trashed);
      return true;
    } finally {
      await parent.directory.close();
    }
  });
  if (restored !== null) return restored;
  if (await isThere(folder, name, pointer)) return true;
  throw new HoldfastError('not-found', `the trash no longer holds ${pointer.locator}`);
}

/** A repeated restore finds the item gone and the content, by its size, in place. */
async function isThere(folder: OpenFolder, name: Name, pointer: RecoveryPointer): Promise<boolean> {
  const parent = await openParent(folder.rootDirectory, name);
  if (parent.kind !== 'open') return false;
  try {
    const facts = await parent.directory.lstat(baseOf(name));
    return facts?.kind === 'file' && facts.size === pointer.size;
  } finally {
    await parent.directory.close();
  }
}

/** See `LocalFolder.discard`. */
export async function discardFromTrash(folder: OpenFolder, pointer: RecoveryPointer): Promise<void> {
  await withTrashed(folder, pointer, async (trashed) => {
    await unlinkIfPresent(trashed.itemDirectory, trashed.base);
    await removeItem(trashed);
  });
}

async function removeItem({ trash, dayDirectory, day, item }: Trashed): Promise<void> {
  // The directory last: by it a repetition finds what is left to do.
  for (const suffix of ['.json', MOVED]) await unlinkIfPresent(dayDirectory, `${item}${suffix}`);
  await succeeds(dayDirectory.removeDirectory(item), 'ENOENT');
  await succeeds(trash.removeDirectory(day), 'ENOENT', 'ENOTEMPTY', 'EEXIST');
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10).replaceAll('-', '');
}

export async function openIfPresent(above: OpenDirectory, segment: string): Promise<OpenDirectory | null> {
  try {
    return await above.openDirectory(segment);
  } catch (thrown) {
    // Whatever else its user put there, it does not hold what was trashed.
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCode(thrown) ?? '')) return null;
    throw thrown;
  }
}

/** Opens directories of ours one below the other, runs `work` on the last, closes all. */
async function withDirectories<Result>(
  folder: OpenFolder,
  segments: readonly string[],
  work: (last: OpenDirectory) => Promise<Result>,
): Promise<Result> {
  const opened: OpenDirectory[] = [];
  let last = folder.privateDirectory;
  let path = privatePath(folder);
  try {
    for (const segment of segments) {
      path = `${path}/${segment}`;
      last = await openOwn(last, segment, path, segment === TRASH ? 'folder-denied' : 'local-denied');
      opened.push(last);
    }
    return await work(last);
  } finally {
    for (const directory of opened.reverse()) await directory.close();
  }
}
