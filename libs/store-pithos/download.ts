/**
 * Download: a handle on exactly one version. The first read resolves which version that is and
 * fetches its block list, whose tree hash must be the expected one; every block is then verified
 * before any of its bytes are handed out, so neither a torn nor a damaged read gets through.
 */
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import { merkleHash, pithosBlockHash } from '#libs/digest/digest.ts';
import { type Staged, type StagedFile, StaleContent } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { PithosClient } from './client.ts';
import { isContentOf, type ObjectFacts } from './wire.ts';

type FileState = Extract<RemoteState, { kind: 'file' }>;

const CHUNK_BYTES = 1024 * 1024;

interface Pinned {
  readonly facts: ObjectFacts;
  /** Verified against the tree hash. */
  readonly hashes: readonly string[];
}

/** Costs no request; what no longer is as expected surfaces from `read`. */
export function stageVersion(
  client: PithosClient,
  name: Name,
  expected: FileState,
  blockSize: number,
): StagedFile {
  let pinned: Promise<Pinned> | null = null;
  let refined: ObjectFacts | null = null;
  const pin = async (): Promise<Pinned> => {
    pinned ??= pinVersion(client, name, expected, blockSize);
    try {
      const known = await pinned;
      refined = known.facts;
      return known;
    } catch (error) {
      // The next read asks again: the failure may have been the network's.
      pinned = null;
      throw error;
    }
  };
  return {
    kind: 'file',
    size: expected.size,
    hash: expected.hash,
    digest: { algorithm: 'pithos', blockSize },
    get mtimeNs() {
      return refined?.mtimeNs ?? expected.mtimeNs;
    },
    get mode() {
      return refined?.mode ?? null;
    },
    async *read(start = 0, end = expected.size) {
      const known = await pin();
      if (start < end) yield* readBlocks(client, name, known, blockSize, start, end);
    },
    release: () => Promise.resolve(),
  };
}

/** A directory has no bytes to pin. */
export function stageMarker(): Staged {
  return { kind: 'directory', mtimeNs: null, mode: null, release: () => Promise.resolve() };
}

async function pinVersion(
  client: PithosClient,
  name: Name,
  expected: FileState,
  blockSize: number,
): Promise<Pinned> {
  const version = expected.version === null ? undefined : Number(expected.version);
  const facts = await client.head(name, version);
  if (facts === null) throw new StaleContent(`version ${expected.version ?? 'current'} of ${name} is gone`);
  if (!isContentOf(facts, expected)) throw new StaleContent(`${name} no longer has the expected content`);
  if (!facts.available) {
    throw new HoldfastError(
      'store-unavailable',
      `container ${client.container}: ${name} is not available now`,
    );
  }
  // The hash of one block is the tree hash itself: no list to ask for.
  if (facts.bytes <= blockSize) return { facts, hashes: [facts.hash] };
  const map = await client.hashmap(name, facts.version);
  if (map === null) throw new StaleContent(`version ${facts.version} of ${name} is gone`);
  if (map.bytes !== facts.bytes || map.hashes.length !== Math.ceil(facts.bytes / blockSize)) {
    throw mismatch(client, name, 'its block list does not fit its length');
  }
  if (merkleHash(map.hashes) !== expected.hash) {
    throw mismatch(client, name, 'its block list does not give its hash');
  }
  return { facts, hashes: map.hashes };
}

function mismatch(client: PithosClient, name: Name, what: string): HoldfastError {
  return new HoldfastError(
    'content-mismatch',
    `container ${client.container}: ${name} was not read: ${what}`,
  );
}

/** One request for all wanted blocks; bytes leave only in verified blocks. */
async function* readBlocks(
  client: PithosClient,
  name: Name,
  { facts, hashes }: Pinned,
  blockSize: number,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const from = Math.floor(start / blockSize) * blockSize;
  const to = Math.min(Math.ceil(end / blockSize) * blockSize, facts.bytes);
  const response = await client.content(name, facts.version, from, to);
  if (response === null) throw new StaleContent(`version ${facts.version} of ${name} is gone`);
  const block = Buffer.allocUnsafe(Math.min(blockSize, to - from));
  let blockStart = from;
  let filled = 0;
  for await (const chunk of response.body) {
    for (let at = 0; at < chunk.length; ) {
      const length = Math.min(blockSize, to - blockStart);
      const piece = chunk.subarray(at, at + length - filled);
      if (piece.length === 0) throw mismatch(client, name, 'more bytes came than were asked for');
      block.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled < length) continue;
      const whole = block.subarray(0, length);
      if (pithosBlockHash(whole) !== hashes[blockStart / blockSize]) {
        throw mismatch(client, name, `the block at byte ${blockStart} is damaged`);
      }
      yield* chunksOf(whole.subarray(Math.max(0, start - blockStart), Math.min(length, end - blockStart)));
      blockStart += length;
      filled = 0;
    }
  }
  if (blockStart < to) throw mismatch(client, name, 'fewer bytes came than were asked for');
}

/** Copies, since the block is filled anew while a consumer may still hold its bytes. */
function* chunksOf(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    yield Buffer.from(bytes.subarray(at, at + CHUNK_BYTES));
  }
}
