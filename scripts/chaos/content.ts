/**
 * Content: bytes that tell who wrote them, each unlike any other, and the digests by which stores
 * know them. The digests are computed here anew: the checker shares no code with the engine.
 */
import { createHash } from 'node:crypto';
import type { Random } from './random.ts';

export const EMPTY_MD5 = 'd41d8cd98f00b204e9800998ecf8427e';
/** Names that begin so may hold nothing; at any other name an empty file is a partial one. */
export const EMPTY_NAMES = 'zero';

const KIB = 1024;

/** Mostly small, sometimes larger than what adapters hold in memory or send in one block. */
export function drawSize(random: Random): number {
  return random.weighted([
    [random.between(1, 200), 5],
    [random.between(200, 8 * KIB), 6],
    [random.between(8 * KIB, 300 * KIB), 3],
    [random.between(300 * KIB, 1500 * KIB), 0.8],
    [random.between(1500 * KIB, 3500 * KIB), 0.3],
  ]);
}

/** At least a line that names the content; never ends with a NUL. */
export function makeBytes(id: string, size: number): Buffer {
  const head = Buffer.from(`content ${id}\n`);
  if (size <= head.length) return head;
  const block = createHash('sha512').update(id).digest();
  const filler = Buffer.alloc(size - head.length - 1, block);
  // Repeated blocks would let a wrong order of pieces pass for the right one.
  for (let at = 0; at + 4 <= filler.length; at += 512) filler.writeUInt32LE(at, at);
  return Buffer.concat([head, filler, Buffer.from('\n')]);
}

/** One more line, as a log would get it. */
export function appendedBytes(before: Buffer, id: string): { whole: Buffer; added: Buffer } {
  const added = Buffer.from(`appended ${id}\n`);
  return { whole: Buffer.concat([before, added]), added };
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** The digest of a Pithos server: a tree of SHA-256 over blocks without their trailing NULs. */
export function pithosHash(bytes: Uint8Array, blockSize: number): string {
  let level: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += blockSize) {
    const block = bytes.subarray(at, at + blockSize);
    let end = block.length;
    while (end > 0 && block[end - 1] === 0) end -= 1;
    level.push(sha256(block.subarray(0, end)));
  }
  if (level.length === 0) return sha256(new Uint8Array()).toString('hex');
  while ((level.length & (level.length - 1)) !== 0) level.push(Buffer.alloc(32));
  while (level.length > 1) {
    level = Array.from({ length: level.length / 2 }, (_, index) =>
      sha256(Buffer.concat([level[index * 2] as Buffer, level[index * 2 + 1] as Buffer])),
    );
  }
  return (level[0] as Buffer).toString('hex');
}

export function isEmptyHash(hash: string): boolean {
  return hash === EMPTY_MD5;
}
