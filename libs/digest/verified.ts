/**
 * Verified: content on its way between two sides, of which nobody gets the end before its length
 * and digest are known to be the promised ones.
 */
import { createHash } from 'node:crypto';
import type { StagedFile } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';

/**
 * What a store sends. The last chunk is held back until all of it is known to be right.
 * @param length bytes that must come.
 * @param md5 in hex, of a whole read; null for a part, of which only the length is known.
 * @throws HoldfastError content-mismatch
 */
export async function* received(
  body: AsyncIterable<Uint8Array>,
  length: number,
  md5: string | null,
): AsyncGenerator<Uint8Array> {
  const hash = md5 === null ? null : createHash('md5');
  let left = length;
  let last: Uint8Array | null = null;
  for await (const chunk of body) {
    if (last !== null) yield last;
    last = chunk;
    left -= chunk.length;
    hash?.update(chunk);
    if (left < 0) break;
  }
  if (left !== 0 || (hash !== null && hash.digest('hex') !== md5)) {
    throw new HoldfastError('content-mismatch', 'the store sent other bytes than it announced');
  }
  if (last !== null) yield last;
}

export interface Streamed {
  /** Throws what reading the source throws, and content-mismatch at the end of other bytes than were announced. */
  bytes(): AsyncGenerator<Uint8Array>;
  /** What it threw: whoever sends sees only that the request was cut. Null when it did not. */
  failure(): unknown;
}

/** Bytes of a content from `start` up to but without `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * What is sent to a store that was told its digest before.
 * @param hex of the content, or of the range of it that is sent, by that algorithm.
 */
export function streamed(
  content: StagedFile,
  algorithm: 'md5' | 'sha256',
  hex: string,
  range: ByteRange = { start: 0, end: content.size },
): Streamed {
  let failure: unknown = null;
  return {
    async *bytes() {
      const hash = createHash(algorithm);
      try {
        for await (const chunk of content.read(range.start, range.end)) {
          hash.update(chunk);
          yield chunk;
        }
        if (hash.digest('hex') !== hex) throw otherThanPromised();
      } catch (thrown) {
        failure = thrown;
        throw thrown;
      }
    },
    failure: () => failure,
  };
}

export function otherThanPromised(): HoldfastError {
  return new HoldfastError('content-mismatch', 'the staged content is not what its source promised');
}
