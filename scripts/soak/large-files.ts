/** Large files: of bytes that nothing can pack or share, and their digests. */
import { createHash, randomFillSync } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';

const CHUNK_BYTES = 2 ** 20;

/** Writes a file that nobody has touched for an hour. @returns SHA-256 in hex. */
export async function writeLargeFile(path: string, bytes: number): Promise<string> {
  const hash = createHash('sha256');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const file = await open(path, 'w');
  try {
    for (let left = bytes; left > 0; left -= CHUNK_BYTES) {
      const piece = randomFillSync(chunk).subarray(0, left);
      hash.update(piece);
      await file.write(piece);
    }
    const longAgo = new Date(Date.now() - 3_600_000);
    await file.utimes(longAgo, longAgo);
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

/** Changes one byte in the middle, as an editor in place does. @returns SHA-256 of the whole in hex. */
export async function changeOneByte(path: string): Promise<string> {
  const file = await open(path, 'r+');
  try {
    const middle = Math.floor((await file.stat()).size / 2);
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, middle);
    await file.write(Buffer.of((byte.readUInt8() + 1) % 256), 0, 1, middle);
  } finally {
    await file.close();
  }
  return sha256Of(createReadStream(path));
}

export async function sha256Of(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of content) hash.update(piece);
  return hash.digest('hex');
}
