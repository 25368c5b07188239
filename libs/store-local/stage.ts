/**
 * Stage: a stable handle on a file's bytes for upload. Small files are read at once, between
 * two looks at their facts; of a large one the last chunk of every read is held back until
 * the facts were seen unchanged, so a late writer can never make a mixed object visible.
 */
import { baseOf, type Name } from '#core/name.ts';
import { type LocalState, sameLocalFacts } from '#core/state.ts';
import { createDigest } from '#libs/digest/digest.ts';
import { type StagedFile, type StageOutcome, StaleContent } from '#ports/content.ts';
import type { DigestSpec } from '#ports/digest.ts';
import { type Facts, type OpenDirectory, type OpenFile, systemCode } from './file-system.ts';
import { localStateOf } from './local-state.ts';
import type { OpenFolder } from './open-folder.ts';
import { openParent } from './resolve.ts';

const CHUNK_BYTES = 1024 * 1024;

const STALE = { result: 'stale', reason: 'the file here changed since it was looked at' } as const;

/** @param settledBefore ms since the epoch; see `LocalFolder.stage`. */
export async function stageEntry(
  folder: OpenFolder,
  name: Name,
  expected: LocalState,
  digest: DigestSpec,
  settledBefore: number,
): Promise<StageOutcome> {
  if (expected.kind === 'directory') return stageDirectory(folder, name);
  if (expected.kind !== 'file') return STALE;
  const file = await openExpected(folder, name, expected);
  if (file === null) return STALE;
  let isHandedOver = false;
  try {
    const facts = await file.facts();
    if (!isExpected(facts, expected)) return STALE;
    const until = unsettledUntil(facts, folder.clock.now(), settledBefore);
    if (until !== null) return { result: 'unsettled', until };
    if (facts.size <= CHUNK_BYTES) return await stageWhole(file, facts, digest);
    isHandedOver = true;
    return { result: 'staged', content: guardedFile(file, facts, expected.hash, digest) };
  } finally {
    if (!isHandedOver) await file.close();
  }
}

/** Digest of a file that is `expected` before and after it was read; else null. */
export async function hashEntry(
  folder: OpenFolder,
  name: Name,
  expected: LocalState,
  digest: DigestSpec,
): Promise<string | null> {
  if (expected.kind !== 'file') return null;
  const file = await openExpected(folder, name, expected);
  if (file === null) return null;
  try {
    const facts = await file.facts();
    return isExpected(facts, expected) ? await hashOpenFile(file, facts, digest) : null;
  } finally {
    await file.close();
  }
}

/** Another worker's links and unlinks of the same file move its ctime while it is read; they end soon. */
const HASH_TRIES = 3;

/** Digest of the file at a segment. @returns null when it is not, or did not stay, what `facts` says. */
export async function hashSegment(
  directory: OpenDirectory,
  segment: string,
  facts: Facts,
  digest: DigestSpec,
): Promise<string | null> {
  if (facts.kind !== 'file') return null;
  const file = await openIfPresent(directory, segment);
  if (file === null) return null;
  try {
    for (let tries = 0; tries < HASH_TRIES; tries += 1) {
      const now = await file.facts();
      if (now.inode !== facts.inode || now.size !== facts.size || now.mtimeNs !== facts.mtimeNs) return null;
      const hash = await hashOpenFile(file, now, digest);
      if (hash !== null) return hash;
    }
    return null;
  } finally {
    await file.close();
  }
}

async function stageDirectory(folder: OpenFolder, name: Name): Promise<StageOutcome> {
  const facts = await lstatName(folder, name);
  if (facts?.kind !== 'directory') return STALE;
  const content = {
    kind: 'directory',
    mtimeNs: facts.mtimeNs,
    mode: facts.mode & 0o777,
    release: async () => {},
  } as const;
  return { result: 'staged', content };
}

/** Facts of one name, or null when nothing can be there. */
async function lstatName(folder: OpenFolder, name: Name): Promise<Facts | null> {
  const resolved = await openParent(folder.rootDirectory, name);
  if (resolved.kind !== 'open') return null;
  try {
    return await resolved.directory.lstat(baseOf(name));
  } finally {
    await resolved.directory.close();
  }
}

/** Nothing but a regular file is opened: opening a pipe or device may have effects. */
async function openExpected(folder: OpenFolder, name: Name, expected: LocalState): Promise<OpenFile | null> {
  const resolved = await openParent(folder.rootDirectory, name);
  if (resolved.kind !== 'open') return null;
  try {
    const facts = await resolved.directory.lstat(baseOf(name));
    if (facts === null || !isExpected(facts, expected)) return null;
    return await openIfPresent(resolved.directory, baseOf(name));
  } finally {
    await resolved.directory.close();
  }
}

async function openIfPresent(directory: OpenDirectory, segment: string): Promise<OpenFile | null> {
  try {
    return await directory.openForReading(segment);
  } catch (thrown) {
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO'].includes(systemCode(thrown) ?? '')) return null;
    throw thrown;
  }
}

function isExpected(facts: Facts, expected: LocalState): boolean {
  return sameLocalFacts(localStateOf(facts), expected, 'with-ctime');
}

function isUnchanged(before: Facts, now: Facts): boolean {
  return before.size === now.size && before.mtimeNs === now.mtimeNs && before.ctimeNs === now.ctimeNs;
}

/** @returns ms since the epoch when the file will have rested long enough, or null when it has. */
function unsettledUntil(facts: Facts, now: number, settledBefore: number): number | null {
  const ctimeMs = Number(facts.ctimeNs / 1_000_000n);
  const mtimeMs = Number(facts.mtimeNs / 1_000_000n);
  // Times ahead of the clock, set by a user or by a clock that was wrong, would never settle: they do not count.
  const restMs = Math.max(0, now - settledBefore);
  const counting = [...(mtimeMs > now ? [] : [mtimeMs]), ...(ctimeMs > now + restMs ? [] : [ctimeMs])];
  const newest = Math.max(Number.NEGATIVE_INFINITY, ...counting);
  if (newest <= settledBefore) return null;
  return Math.min(newest, now) + restMs + 1;
}

async function hashOpenFile(file: OpenFile, facts: Facts, spec: DigestSpec): Promise<string | null> {
  const digest = createDigest(spec);
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, facts.size)));
  for (let position = 0; position < facts.size; ) {
    const length = await file.read(buffer, position);
    if (length === 0) return null;
    digest.update(buffer.subarray(0, length));
    position += length;
  }
  return isUnchanged(facts, await file.facts()) ? digest.hex() : null;
}

async function stageWhole(file: OpenFile, facts: Facts, spec: DigestSpec): Promise<StageOutcome> {
  const bytes = Buffer.allocUnsafe(facts.size);
  if (!(await fill(file, bytes, 0)) || !isUnchanged(facts, await file.facts())) return STALE;
  const digest = createDigest(spec);
  digest.update(bytes);
  return {
    result: 'staged',
    content: {
      ...describe(facts, digest.hex(), spec),
      async *read(start = 0, end = bytes.length) {
        if (end > start) yield bytes.subarray(start, end);
      },
      release: async () => {},
    },
  };
}

function describe(facts: Facts, hash: string | null, digest: DigestSpec) {
  const { size, mtimeNs, mode } = facts;
  return { kind: 'file', size, mtimeNs, mode: mode & 0o777, hash, digest } as const;
}

function guardedFile(file: OpenFile, facts: Facts, hash: string | null, digest: DigestSpec): StagedFile {
  return {
    ...describe(facts, hash, digest),
    async *read(start = 0, end = facts.size) {
      for (let position = start; position < end; ) {
        const bytes = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - position));
        if (!(await fill(file, bytes, position)))
          throw new StaleContent('the file became shorter while read');
        position += bytes.length;
        if (position >= end && !isUnchanged(facts, await file.facts())) {
          throw new StaleContent('the file changed while it was read');
        }
        yield bytes;
      }
    },
    release: () => file.close(),
  };
}

/** @returns false when the file ended before the buffer was full. */
async function fill(file: OpenFile, into: Uint8Array, from: number): Promise<boolean> {
  for (let done = 0; done < into.length; ) {
    const length = await file.read(into.subarray(done), from + done);
    if (length === 0) return false;
    done += length;
  }
  return true;
}
