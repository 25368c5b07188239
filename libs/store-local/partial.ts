/**
 * Partial: what a download brought before it ended half-way. It stays in its attempt, for the next one of the same name
 * and content, which copies it into a file of its own; why it is never written on, and by whom it is dropped, is told in
 * decisions/2026-11-23-partial-downloads.md. Nothing in it is trusted: the digest of the whole decides (invariant 3).
 */
import type { Name } from '#core/name.ts';
import type { StagedFile } from '#ports/content.ts';
import { asHoldfastError } from '#ports/errors.ts';
import {
  type Attempt,
  CONTENT,
  INTENT,
  isAtWork,
  listAttempts,
  NEW,
  OLD,
  openAttempt,
  removeAttempt,
  unlinkIfPresent,
} from './attempts.ts';
import { type OpenFile, systemCode } from './file-system.ts';
import { readJson, writeJson } from './json-file.ts';
import type { OpenFolder } from './open-folder.ts';

/** Milliseconds for which a partial that nobody asks for is kept. */
export const PARTIAL_KEPT_MS = 24 * 3_600_000;

/**
 * Whoever takes over holds the claim, so another one has lost it. One who cannot be seen and writes no byte for so many
 * milliseconds counts as gone: dead workers in other containers must not fill the volume with a beginning each.
 */
const SILENT_MS = 20_000;

const CHUNK_BYTES = 1024 * 1024;

/** Whether a download of it is kept when it ends half-way: only of known content can be said that it is the same. */
export function isResumable({ resumedBytes }: OpenFolder, { size, hash }: StagedFile): boolean {
  return hash !== null && size > 0 && size >= resumedBytes;
}

/** Says what the attempt fetches, before its first byte. */
export async function describeContent(attempt: Attempt, content: StagedFile): Promise<void> {
  await writeJson(attempt.directory, CONTENT, recordOf(content));
}

function recordOf({ size, hash, digest }: StagedFile): Record<string, unknown> {
  return { size, hash, digest };
}

/** Whether the attempt is a download that ended, or is, half-way: nothing visible was touched by it. */
export async function isPartial({ directory }: Attempt): Promise<boolean> {
  if ((await directory.lstat(CONTENT)) === null || (await directory.lstat(NEW))?.kind !== 'file')
    return false;
  return (await directory.lstat(INTENT)) === null && (await directory.lstat(OLD)) === null;
}

/** As `isPartial`, of this very content. */
export async function isPartialOf(
  folder: OpenFolder,
  attempt: Attempt,
  content: StagedFile,
): Promise<boolean> {
  if (!isResumable(folder, content) || !(await isPartial(attempt))) return false;
  return JSON.stringify(await readJson(attempt.directory, CONTENT)) === JSON.stringify(recordOf(content));
}

/**
 * Bytes of the longest partial of this content, in chunks that are valid until the next one is asked for. The last byte
 * is never among them, so that the source is always asked whether it still is what it was. Nothing when there is none.
 * @param own id of the attempt that asks.
 */
export async function* partialBytes(
  folder: OpenFolder,
  name: Name,
  own: string,
  content: StagedFile,
): AsyncGenerator<Uint8Array> {
  const file = await openLongest(folder, name, own, content);
  if (file === null) return;
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    const end = content.size - 1;
    // One that is still being written to may grow meanwhile.
    for (let position = 0; position < end; ) {
      const length = await file.read(buffer.subarray(0, end - position), position);
      if (length === 0) return;
      yield buffer.subarray(0, length);
      position += length;
    }
  } finally {
    await file.close();
  }
}

async function openLongest(
  folder: OpenFolder,
  name: Name,
  own: string,
  content: StagedFile,
): Promise<OpenFile | null> {
  let longest: { readonly file: OpenFile; readonly size: number } | null = null;
  for await (const attempt of partialsOf(folder, name, own, content)) {
    const file = await openNew(attempt);
    if (file === null) continue;
    const { size } = await file.facts();
    if (size > (longest?.size ?? 0)) {
      await longest?.file.close();
      longest = { file, size };
    } else {
      await file.close();
    }
  }
  return longest?.file ?? null;
}

async function* partialsOf(
  folder: OpenFolder,
  name: Name,
  own: string | null,
  content: StagedFile,
): AsyncGenerator<Attempt> {
  if (!isResumable(folder, content)) return;
  for (const id of await listAttempts(folder, name)) {
    const attempt = id === own ? null : await openAttempt(folder, id);
    if (attempt === null) continue;
    try {
      if (await isPartialOf(folder, attempt, content)) yield attempt;
    } finally {
      await attempt.directory.close();
    }
  }
}

/** Null when it was dropped, or something else put in its place, just now. */
async function openNew({ directory }: Attempt): Promise<OpenFile | null> {
  try {
    return await directory.openForReading(NEW);
  } catch (thrown) {
    if (['ENOENT', 'ELOOP', 'ENXIO'].includes(systemCode(thrown) ?? '')) return null;
    throw thrown;
  }
}

/** Drops all partials of a folder that is no pair's any more. */
export async function dropAllPartials(folder: OpenFolder): Promise<void> {
  for (const id of await listAttempts(folder, null)) {
    const attempt = await openAttempt(folder, id);
    if (attempt === null) continue;
    try {
      if (await isPartial(attempt)) await removeAttempt(folder, attempt);
    } finally {
      await attempt.directory.close();
    }
  }
}

/**
 * Drops the partials of this content. What cannot be dropped is logged and left for `recover`.
 * @param own id of an attempt that is spared, or null.
 * @param whose `crashed`: those whose owner is gone, or silent. `all`: the name has its content, or they are damaged; who is still
 * at work finds his file gone, as after a repair.
 */
export async function dropPartials(
  folder: OpenFolder,
  name: Name,
  own: string | null,
  content: StagedFile,
  whose: 'crashed' | 'all',
): Promise<void> {
  try {
    for await (const attempt of partialsOf(folder, name, own, content)) {
      if (!(await isAtWork(folder, attempt, SILENT_MS))) await removeAttempt(folder, attempt);
      else if (whose === 'all') await unlinkIfPresent(attempt.directory, NEW);
    }
  } catch (thrown) {
    const { code, message } = asHoldfastError(thrown);
    folder.log?.warn({ name, code, reason: message }, 'a partial download is left for a later repair');
  }
}
