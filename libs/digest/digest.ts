/**
 * Digest: content identity as each store computes it, fed in chunks of any length.
 * A Pithos block is hashed without its trailing NUL bytes, so runs of NULs are held back
 * as a count until something follows them; nothing is buffered, whatever the block size.
 */
import { createHash, type Hash } from 'node:crypto';
import type { DigestSpec } from '#ports/digest.ts';

export interface Digest {
  /** Takes the next bytes of the content. The chunk is not kept. */
  update(chunk: Uint8Array): void;
  /** Lower-case hex of everything given so far; call it once, at the end. */
  hex(): string;
}

/** @throws RangeError for a block size that is no positive integer. */
export function createDigest(spec: DigestSpec): Digest {
  if (spec.algorithm === 'pithos') return createPithosDigest(spec.blockSize);
  const hash = createHash('md5');
  return {
    update: (chunk) => {
      hash.update(chunk);
    },
    hex: () => hash.digest('hex'),
  };
}

/** One Pithos block: SHA-256 in lower-case hex, trailing NUL bytes left out (pithos-api section 4.1). */
export function pithosBlockHash(bytes: Uint8Array): string {
  return createHash('sha256')
    .update(bytes.subarray(0, lengthWithoutTrailingNuls(bytes)))
    .digest('hex');
}

/**
 * Root of the Pithos hash tree (pithos-api section 4.1).
 * @param leaves block hashes in hex, in order; none stands for empty content.
 * @returns lower-case hex. It does not cover the length: compare size and hash, never the hash alone.
 */
export function merkleHash(leaves: readonly string[]): string {
  if (leaves.length === 0) return pithosBlockHash(new Uint8Array(0));
  let level: Uint8Array[] = leaves.map((leaf) => Buffer.from(leaf, 'hex'));
  const padding = Buffer.alloc(32);
  const width = 2 ** Math.ceil(Math.log2(level.length));
  while (level.length < width) level.push(padding);
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let index = 0; index < level.length; index += 2) {
      const pair = createHash('sha256')
        .update(level[index]!)
        .update(level[index + 1]!);
      next.push(pair.digest());
    }
    level = next;
  }
  return Buffer.from(level[0]!).toString('hex');
}

const NULS = Buffer.alloc(64 * 1024);

function createPithosDigest(blockSize: number): Digest {
  if (!Number.isSafeInteger(blockSize) || blockSize <= 0) {
    throw new RangeError(`a block size is a positive integer, not ${blockSize}`);
  }
  const leaves: string[] = [];
  let block: Hash = createHash('sha256');
  let inBlock = 0;
  let heldNuls = 0;

  const take = (piece: Uint8Array): void => {
    const solid = lengthWithoutTrailingNuls(piece);
    if (solid > 0) {
      for (; heldNuls > NULS.length; heldNuls -= NULS.length) block.update(NULS);
      block.update(NULS.subarray(0, heldNuls));
      block.update(piece.subarray(0, solid));
      heldNuls = 0;
    }
    heldNuls += piece.length - solid;
    inBlock += piece.length;
  };
  const closeBlock = (): void => {
    leaves.push(block.digest('hex'));
    block = createHash('sha256');
    inBlock = 0;
    heldNuls = 0;
  };

  return {
    update(chunk) {
      for (let at = 0; at < chunk.length; ) {
        const piece = chunk.subarray(at, at + blockSize - inBlock);
        take(piece);
        at += piece.length;
        if (inBlock === blockSize) closeBlock();
      }
    },
    hex() {
      if (inBlock > 0) closeBlock();
      return merkleHash(leaves);
    },
  };
}

function lengthWithoutTrailingNuls(bytes: Uint8Array): number {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length -= 1;
  return length;
}
