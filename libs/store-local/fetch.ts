/**
 * Fetch: the content of a pull, written into the private file of its attempt and verified
 * before anybody can see it under its name (invariant 3).
 */
import type { Name } from '#core/name.ts';
import type { LocalState } from '#core/state.ts';
import { createDigest } from '#libs/digest/digest.ts';
import type { StagedFile } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import { type Attempt, NEW, unlinkIfPresent } from './attempts.ts';
import type { Facts, FileSystem, OpenFile } from './file-system.ts';
import type { OpenFolder } from './open-folder.ts';
import { describeContent, dropPartials, isResumable, partialBytes } from './partial.ts';

export interface Fetched {
  /** Open until the commit is over; its caller closes it. */
  readonly file: OpenFile;
  readonly size: number;
  readonly hash: string;
}

const DEFAULT_MODE = 0o644;

/**
 * What an earlier attempt left of the same content is taken over instead of being fetched. Where the whole turns out to
 * be damaged, nothing is taken over any more, and all of it is fetched once.
 * @throws StaleContent when the source moved on.
 * @throws HoldfastError content-mismatch when length or hash are not the promised ones.
 */
export async function fetchContent(
  folder: OpenFolder,
  name: Name,
  attempt: Attempt,
  content: StagedFile,
): Promise<Fetched> {
  if (!isResumable(folder, content)) return fetchInto(attempt, content, NOTHING, NEVER);
  let taken = 0;
  const drop = (whose: 'crashed' | 'all') => dropPartials(folder, name, attempt.id, content, whose);
  const takeOver = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of partialBytes(folder, name, attempt.id, content)) {
      taken += chunk.length;
      yield chunk;
    }
    // All of it is in our own file now, and its room is needed.
    await drop('crashed');
    if (taken > 0) folder.log?.info({ name, taken, of: content.size }, 'a download goes on');
  };
  try {
    await describeContent(attempt, content);
    return await fetchInto(attempt, content, takeOver(), folder.resumedBytes);
  } catch (thrown) {
    if (taken === 0 || !isMismatch(thrown)) {
      // Where there is no room for both, there is room for one again.
      if (!isCutOff(thrown)) await drop('crashed');
      throw thrown;
    }
    folder.log?.warn({ name, taken }, 'what an earlier attempt left is damaged; all of it is fetched again');
    await drop('all');
    await unlinkIfPresent(attempt.directory, NEW);
    return fetchInto(attempt, content, NOTHING, folder.resumedBytes);
  }
}

const NOTHING: readonly Uint8Array[] = [];
const NEVER = Number.POSITIVE_INFINITY;

/**
 * @param taken the beginning of the content, which then is not asked for.
 * @param progress bytes after which a source that fails is asked for the rest at once.
 */
async function fetchInto(
  attempt: Attempt,
  content: StagedFile,
  taken: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  progress: number,
): Promise<Fetched> {
  const file = await attempt.directory.createFile(NEW, 0o600);
  let isHandedOver = false;
  try {
    const digest = createDigest(content.digest);
    let size = 0;
    const append = async (chunk: Uint8Array): Promise<void> => {
      size += chunk.length;
      if (size > content.size) throw mismatch(`more than the promised ${content.size} bytes`);
      digest.update(chunk);
      await file.write(chunk);
    };
    for await (const chunk of taken) await append(chunk);
    for (let isAllRead = false; !isAllRead; ) {
      const from = size;
      try {
        for await (const chunk of content.read(from)) await append(chunk);
        isAllRead = true;
      } catch (thrown) {
        if (!isCutOff(thrown) || size - from < progress) throw thrown;
      }
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

/** Whether the source failed and did not say that it has other content: what came until then may be as good as any. */
export function isCutOff(thrown: unknown): boolean {
  if (!(thrown instanceof HoldfastError) || isMismatch(thrown)) return false;
  return thrown.grade === 'transient' || thrown.grade === 'pair';
}

function isMismatch(thrown: unknown): boolean {
  return thrown instanceof HoldfastError && thrown.code === 'content-mismatch';
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
