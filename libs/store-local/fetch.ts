/**
 * Fetch: the content of a pull, written into the private file of its attempt and verified
 * before anybody can see it under its name (invariant 3).
 */
import type { LocalState } from '#core/state.ts';
import { createDigest } from '#libs/digest/digest.ts';
import type { StagedFile } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import { type Attempt, NEW } from './attempts.ts';
import type { Facts, FileSystem, OpenFile } from './file-system.ts';

export interface Fetched {
  /** Open until the commit is over; its caller closes it. */
  readonly file: OpenFile;
  readonly size: number;
  readonly hash: string;
}

const DEFAULT_MODE = 0o644;

/**
 * @throws StaleContent when the source moved on.
 * @throws HoldfastError content-mismatch when length or hash are not the promised ones.
 */
export async function fetchContent(attempt: Attempt, content: StagedFile): Promise<Fetched> {
  const file = await attempt.directory.createFile(NEW, 0o600);
  let isHandedOver = false;
  try {
    const digest = createDigest(content.digest);
    let size = 0;
    for await (const chunk of content.read()) {
      size += chunk.length;
      if (size > content.size) throw mismatch(`more than the promised ${content.size} bytes`);
      digest.update(chunk);
      await file.write(chunk);
    }
    if (size !== content.size) throw mismatch(`${size} bytes instead of ${content.size}`);
    const hash = digest.hex();
    if (content.hash !== null && hash !== content.hash) throw mismatch('another hash than promised');
    isHandedOver = true;
    return { file, size, hash };
  } finally {
    if (!isHandedOver) await file.close();
  }
}

function mismatch(what: string): HoldfastError {
  return new HoldfastError('content-mismatch', `the content received has ${what}; it is fetched again`);
}

/**
 * Gives the fetched file owner, mode and mtime, and brings it to the disk.
 * Mode bits beyond 0777 are never set: a store must not make a program run with another's rights.
 * @param parent facts of the directory it will lie in, whose owner it gets.
 * @param now milliseconds since the epoch, for content without a time of its own.
 * @returns its facts as they will be seen under its name, but for ctime.
 */
export async function dressFile(
  fs: FileSystem,
  file: OpenFile,
  parent: Facts,
  content: StagedFile,
  expected: LocalState,
  now: number,
): Promise<Facts> {
  if (fs.setsOwners) await file.setOwner(parent.uid, parent.gid);
  const replaced = expected.kind === 'file' ? expected.mode : DEFAULT_MODE;
  await file.setMode((content.mode ?? replaced) & 0o777);
  await file.setModifiedAt(content.mtimeNs ?? BigInt(now) * 1_000_000n);
  await file.sync();
  return file.facts();
}
