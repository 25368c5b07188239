/**
 * Copy without links: how a new file gets its name where the file system has no hard links.
 * It is created exclusively, so nobody is overwritten, and filled in place; a reader may see
 * it growing, which is the one promise (invariant 3) such a file system cannot keep, and a
 * crash may leave a beginning of it, which a repair knows by comparing it with the original.
 */
import { type Attempt, NEW, OLD } from './attempts.ts';
import { type Facts, type FileSystem, type OpenDirectory, type OpenFile, systemCode } from './file-system.ts';

const CHUNK_BYTES = 1024 * 1024;
const PARTIAL = 'partial';

/** @returns facts of the copy; null when the name was taken or was replaced while it was filled. */
export async function placeCopy(
  fs: FileSystem,
  source: OpenFile,
  parent: OpenDirectory,
  base: string,
): Promise<Facts | null> {
  const like = await source.facts();
  let copy: OpenFile;
  try {
    copy = await parent.createFile(base, 0o600);
  } catch (thrown) {
    if (systemCode(thrown) === 'EEXIST') return null;
    throw thrown;
  }
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let position = 0; ; ) {
      const length = await source.read(buffer, position);
      if (length === 0) break;
      await copy.write(buffer.subarray(0, length));
      position += length;
    }
    if (fs.setsOwners) await copy.setOwner(like.uid, like.gid);
    await copy.setMode(like.mode & 0o777);
    await copy.setModifiedAt(like.mtimeNs);
    await copy.sync();
    const facts = await copy.facts();
    const current = await parent.lstat(base);
    return current?.inode === facts.inode ? facts : null;
  } finally {
    await copy.close();
  }
}

/** Whether what has the name is byte for byte the attempt's new file. */
export async function isCopyOf(attempt: Attempt, parent: OpenDirectory, base: string): Promise<boolean> {
  return (await compareWithNew(attempt, parent, base)) === 'equal';
}

/** Takes away a file that is a beginning of the attempt's new file and shorter than it. */
export async function dropPartialCopy(attempt: Attempt, parent: OpenDirectory, base: string): Promise<void> {
  if ((await compareWithNew(attempt, parent, base)) !== 'beginning') return;
  // Hidden first and compared again: what is deleted must be what was compared.
  await parent.rename(base, attempt.directory, PARTIAL);
  const isStillPartial = (await compareWithNew(attempt, attempt.directory, PARTIAL)) === 'beginning';
  if (isStillPartial) await attempt.directory.unlink(PARTIAL);
  else if ((await attempt.directory.lstat(OLD)) === null) {
    await attempt.directory.rename(PARTIAL, attempt.directory, OLD);
  }
}

async function compareWithNew(
  attempt: Attempt,
  directory: OpenDirectory,
  segment: string,
): Promise<'equal' | 'beginning' | 'other'> {
  const found = await directory.lstat(segment);
  const placed = await attempt.directory.lstat(NEW);
  if (found?.kind !== 'file' || placed?.kind !== 'file' || found.size > placed.size) return 'other';
  const whole = await attempt.directory.openForReading(NEW);
  try {
    const part = await directory.openForReading(segment);
    try {
      if (!(await isBeginning(part, whole, found.size))) return 'other';
      return found.size === placed.size ? 'equal' : 'beginning';
    } finally {
      await part.close();
    }
  } finally {
    await whole.close();
  }
}

async function isBeginning(part: OpenFile, whole: OpenFile, size: number): Promise<boolean> {
  const left = Buffer.alloc(CHUNK_BYTES);
  const right = Buffer.alloc(CHUNK_BYTES);
  for (let position = 0; position < size; ) {
    const length = await part.read(left, position);
    const other = await whole.read(right.subarray(0, Math.max(1, length)), position);
    if (length === 0 || other < length || left.compare(right, 0, length, 0, length) !== 0) return false;
    position += length;
  }
  return true;
}
