/**
 * Upload: staged content as the headers and body of one PUT. MD5 and SHA-256 go ahead, so that the store
 * refuses bytes that changed on their way instead of showing them. Small content is read whole first; large
 * content is read once for its digests and once more to be sent, and a source that fails in between or in
 * the middle cuts the request, of which the store keeps nothing.
 */

import { createHash } from 'node:crypto';
import { otherThanPromised, streamed } from '#libs/digest/verified.ts';
import type { Staged, StagedFile } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Body } from './client.ts';
import { metadataOf } from './heads.ts';

/** What one PUT may carry. */
export const MAX_OBJECT_BYTES = 5 * 1024 ** 3;
const BUFFERED_BYTES = 1024 * 1024;

export interface Upload {
  readonly kind: 'file' | 'directory';
  readonly size: number;
  /** In hex. */
  readonly md5: string;
  readonly mtimeNs: bigint | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body;
  /** What the source threw while it was streamed; null when it did not. */
  sourceFailure(): unknown;
}

interface Digests {
  readonly md5: Buffer;
  readonly sha256: Buffer;
}

/**
 * @throws HoldfastError content-too-large, content-mismatch
 * @throws whatever reading the content throws, StaleContent too
 */
export async function prepareUpload(content: Staged): Promise<Upload> {
  if (content.kind === 'directory') return wholeUpload(content, new Uint8Array());
  if (content.size > MAX_OBJECT_BYTES) {
    throw new HoldfastError(
      'content-too-large',
      `the file has ${content.size} bytes, the store takes ${MAX_OBJECT_BYTES}`,
    );
  }
  const isSmall = content.size <= BUFFERED_BYTES;
  const chunks: Uint8Array[] = [];
  const hashes = { md5: createHash('md5'), sha256: createHash('sha256') };
  let size = 0;
  for await (const chunk of content.read()) {
    hashes.md5.update(chunk);
    hashes.sha256.update(chunk);
    size += chunk.length;
    if (isSmall) chunks.push(Uint8Array.from(chunk));
  }
  const digests = { md5: hashes.md5.digest(), sha256: hashes.sha256.digest() };
  const isPromised = content.hash === null || content.hash === digests.md5.toString('hex');
  if (size !== content.size || !isPromised) throw otherThanPromised();
  return isSmall ? wholeUpload(content, Buffer.concat(chunks)) : streamedUpload(content, digests);
}

function wholeUpload(content: Staged, bytes: Uint8Array): Upload {
  const digests = {
    md5: createHash('md5').update(bytes).digest(),
    sha256: createHash('sha256').update(bytes).digest(),
  };
  return uploadOf(
    content,
    bytes.length,
    digests,
    () => bytes,
    () => null,
  );
}

function streamedUpload(content: StagedFile, digests: Digests): Upload {
  const { bytes, failure } = streamed(content, 'sha256', digests.sha256.toString('hex'));
  return uploadOf(content, content.size, digests, bytes, failure);
}

function uploadOf(
  content: Staged,
  size: number,
  { md5, sha256 }: Digests,
  bytes: Body['bytes'],
  sourceFailure: () => unknown,
): Upload {
  const { kind, mtimeNs } = content;
  return {
    kind,
    size,
    md5: md5.toString('hex'),
    mtimeNs,
    headers: {
      'content-type': kind === 'directory' ? 'application/x-directory' : 'application/octet-stream',
      'content-md5': md5.toString('base64'),
      'x-amz-checksum-sha256': sha256.toString('base64'),
      ...metadataOf(kind, content, md5),
    },
    body: { bytes, size, sha256: sha256.toString('hex') },
    sourceFailure,
  };
}

/** A small object of our own, such as one that tells the identity of a bucket. */
export function textBody(text: string): Body {
  const bytes = Buffer.from(text);
  return {
    bytes: () => bytes,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}
