/** Parts: how large content is cut. The same content is cut the same way by every worker, so that any goes on with it. */
import { createHash } from 'node:crypto';
import type { StagedFile } from '#ports/content.ts';
import { type ByteRange, otherThanPromised } from './verified.ts';

export interface PartSizes {
  /** Larger content goes in parts: below it a broken request costs less than the requests that parts need. */
  readonly thresholdBytes: number;
  /** Bytes of a part, for as long as there are not too many. */
  readonly leastBytes: number;
}

/** A part is what a kill costs and what a change sends again, so not larger than it has to be. S3 takes none below 5 MiB. */
export const PART_SIZES: PartSizes = { thresholdBytes: 64 * 1024 ** 2, leastBytes: 16 * 1024 ** 2 };

/** Parts of one content that are under way at once, so that one file leaves others a share of the process's turns. */
export const PARTS_AT_ONCE = 4;

export interface PartDigests extends ByteRange {
  /** In hex. */
  readonly md5: string;
  /** In hex. */
  readonly sha256: string;
}

export interface PartPlan {
  /** Of the whole. */
  readonly md5: Buffer;
  /** All but the last have so many bytes. */
  readonly partBytes: number;
  readonly parts: readonly PartDigests[];
}

/**
 * Reads the content once, for the digests of the whole and of each part.
 * @param mostParts that the store takes; parts are doubled in size until there are no more.
 * @throws HoldfastError content-mismatch; whatever reading the content throws, StaleContent too
 */
export async function planParts(
  content: StagedFile,
  { leastBytes }: PartSizes,
  mostParts: number,
): Promise<PartPlan> {
  let partBytes = leastBytes;
  while (partBytes * mostParts < content.size) partBytes *= 2;
  const whole = createHash('md5');
  const parts: PartDigests[] = [];
  let size = 0;
  for (let start = 0; start < content.size; start += partBytes) {
    const end = Math.min(start + partBytes, content.size);
    const md5 = createHash('md5');
    const sha256 = createHash('sha256');
    for await (const chunk of content.read(start, end)) {
      whole.update(chunk);
      md5.update(chunk);
      sha256.update(chunk);
      size += chunk.length;
    }
    parts.push({ start, end, md5: md5.digest('hex'), sha256: sha256.digest('hex') });
  }
  const md5 = whole.digest();
  const isPromised = content.hash === null || content.hash === md5.toString('hex');
  if (size !== content.size || !isPromised) throw otherThanPromised();
  return { md5, partBytes, parts };
}
