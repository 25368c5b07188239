// Pithos content addressing: a file is cut into blocks, each block is hashed
// without its trailing NUL bytes, and the block digests are folded into one
// Merkle hash. Length is not covered: equal hashes do not mean equal bytes.

import { createHash, hash as digestOf } from 'node:crypto';

export const EMPTY_HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const ZERO_LEAF = Buffer.alloc(32);

/** The block without its trailing NUL bytes: what is hashed and what is stored. */
export function stripTrailingNuls(block: Uint8Array): Uint8Array {
  let end = block.length;
  while (end > 0 && block[end - 1] === 0) end--;
  return end === block.length ? block : block.subarray(0, end);
}

export function blockHash(block: Uint8Array): string {
  return digestOf('sha256', stripTrailingNuls(block), 'hex');
}

/** Folds lower-case hex block hashes into the Merkle hash; a single leaf is not hashed again. */
export function merkleHash(blockHashes: readonly string[]): string {
  if (blockHashes.length === 0) return EMPTY_HASH;
  let level: Buffer[] = blockHashes.map((hex) => Buffer.from(hex, 'hex'));
  let width = 1;
  while (width < level.length) width *= 2;
  // The padding is 32 zero bytes, not the hash of an empty block.
  while (level.length < width) level.push(ZERO_LEAF);
  while (level.length > 1) {
    const above: Buffer[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const pair = createHash('sha256')
        .update(level[i]!)
        .update(level[i + 1]!);
      above.push(pair.digest());
    }
    level = above;
  }
  return level[0]!.toString('hex');
}

/** Cuts content at the block size; empty content is one empty block. */
export function cutIntoBlocks(content: Uint8Array, blockSize: number): Uint8Array[] {
  if (content.length === 0) return [content];
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += blockSize) blocks.push(content.subarray(at, at + blockSize));
  return blocks;
}

/** How many block hashes a map for this many bytes must hold; an empty object has one. */
export function blockCount(bytes: number, blockSize: number): number {
  return Math.max(1, Math.ceil(bytes / blockSize));
}
