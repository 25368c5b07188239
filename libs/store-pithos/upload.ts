/**
 * Upload: staged content becomes a list of block hashes, and only blocks that the store lacks
 * are sent (pithos-api section 4.2). Blocks are read again when they are wanted, so memory
 * holds a few of them and never a file; a source that changed in between is noticed by its hashes.
 */
import { merkleHash, pithosBlockHash } from '#libs/digest/digest.ts';
import { type StagedFile, StaleContent } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { PithosClient } from './client.ts';

export interface BlockPlan {
  readonly bytes: number;
  readonly blockSize: number;
  /** One per block, in order; none for empty content. */
  readonly hashes: readonly string[];
  /** Merkle hash of the whole. */
  readonly hash: string;
  /** All bytes where the content is one block, so that it is read once; else null. */
  readonly kept: Uint8Array | null;
}

/** Bytes in one block upload, unless a single block is larger. */
const MAX_REQUEST_BYTES = 8 * 1024 * 1024;

export const NO_BLOCKS: BlockPlan = { bytes: 0, blockSize: 1, hashes: [], hash: merkleHash([]), kept: null };

/**
 * Reads the content once and hashes its blocks.
 * @throws StaleContent as the source does; HoldfastError content-mismatch when its length is not the promised one.
 */
export async function planBlocks(content: StagedFile, blockSize: number): Promise<BlockPlan> {
  const hashes: string[] = [];
  let kept: Uint8Array | null = null;
  let bytes = 0;
  for await (const block of blocksOf(content.read(), blockSize, content.size)) {
    hashes.push(pithosBlockHash(block));
    bytes += block.length;
    kept = hashes.length === 1 && block.length === content.size ? Buffer.from(block) : null;
  }
  if (bytes !== content.size) {
    throw new HoldfastError(
      'content-mismatch',
      `the source gave ${bytes} bytes instead of the promised ${content.size}`,
    );
  }
  const hash = merkleHash(hashes);
  if (
    content.hash !== null &&
    content.digest.algorithm === 'pithos' &&
    content.digest.blockSize === blockSize
  ) {
    // The decision was made on that hash: other content needs another decision.
    if (content.hash !== hash)
      throw new StaleContent('the source no longer has the content it was staged for');
  }
  return { bytes, blockSize, hashes, hash, kept };
}

/** Cuts chunks at block ends. A yielded block is valid until the next one is asked for. */
async function* blocksOf(
  chunks: AsyncIterable<Uint8Array>,
  blockSize: number,
  size: number,
): AsyncGenerator<Uint8Array> {
  const block = Buffer.allocUnsafe(Math.min(blockSize, Math.max(size, 1)));
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + block.length - filled);
      block.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled === block.length) {
        yield block;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}

/**
 * Sends the blocks with these hashes, several in one request.
 * @throws StaleContent when the source no longer has them.
 */
export async function uploadBlocks(
  client: Pick<PithosClient, 'postBlocks'>,
  content: StagedFile,
  plan: BlockPlan,
  missing: readonly string[],
): Promise<void> {
  const wanted = new Set(missing);
  const indexes: number[] = [];
  for (const [index, hash] of plan.hashes.entries()) {
    // A hash is sent once; its first block is a full one unless it is the only one.
    if (wanted.delete(hash)) indexes.push(index);
  }
  if (wanted.size > 0) {
    throw new HoldfastError('store-protocol', 'the store asks for blocks that were not named to it');
  }
  const perRequest = Math.max(1, Math.floor(MAX_REQUEST_BYTES / plan.blockSize));
  for (let at = 0; at < indexes.length; at += perRequest) {
    await sendBlocks(client, content, plan, indexes.slice(at, at + perRequest));
  }
}

async function sendBlocks(
  client: Pick<PithosClient, 'postBlocks'>,
  content: StagedFile,
  plan: BlockPlan,
  indexes: readonly number[],
): Promise<void> {
  const blocks: Uint8Array[] = [];
  for (const index of indexes) {
    const block = plan.kept ?? (await readBlock(content, plan, index));
    if (pithosBlockHash(block) !== plan.hashes[index]) {
      throw new StaleContent('the source changed between hashing and sending');
    }
    blocks.push(block);
  }
  const stored = await client.postBlocks(blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks));
  const isIntact =
    stored.length === indexes.length && indexes.every((index, place) => stored[place] === plan.hashes[index]);
  if (!isIntact) {
    throw new HoldfastError(
      'content-mismatch',
      'the store received other blocks than were sent; they are sent again',
    );
  }
}

async function readBlock(content: StagedFile, plan: BlockPlan, index: number): Promise<Uint8Array> {
  const start = index * plan.blockSize;
  const end = Math.min(start + plan.blockSize, plan.bytes);
  const block = Buffer.alloc(end - start);
  let filled = 0;
  for await (const chunk of content.read(start, end)) {
    block.set(chunk.subarray(0, block.length - filled), filled);
    filled += chunk.length;
  }
  // Trailing NULs leave no mark in a hash, so the length needs its own look.
  if (filled !== block.length) throw new StaleContent('the source gave a block of another length');
  return block;
}
