/**
 * Upload: staged content as one PUT, or as parts that are joined. MD5 and SHA-256 go ahead, so that the store
 * refuses bytes that changed on their way instead of showing them. Small content is read whole first; large
 * content is read once for its digests and once more to be sent, and a source that fails in between or in
 * the middle cuts the request, of which the store keeps nothing.
 */

import { createHash } from 'node:crypto';
import { type PartDigests, type PartSizes, planParts } from '#libs/digest/parts.ts';
import { otherThanPromised, streamed } from '#libs/digest/verified.ts';
import type { Staged, StagedFile } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Body, Client } from './client.ts';
import { metadataOf } from './heads.ts';
import type { Written } from './written.ts';

/** S3's own limits. */
const MOST_PARTS = 10_000;
export const MAX_WHOLE_BYTES = 5 * 1024 ** 3;
export const MAX_OBJECT_BYTES = 5 * 1024 ** 4;
const BUFFERED_BYTES = 1024 * 1024;

/** What is known of content before any of it is sent. */
export interface UploadFacts {
  readonly kind: 'file' | 'directory';
  readonly size: number;
  /** In hex. */
  readonly md5: string;
  readonly mtimeNs: bigint | null;
  /** Of the object, whatever way its bytes take. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Upload extends UploadFacts {
  /** One write, which is the commit. @param marks metadata of the order. @throws HoldfastError as `Client.put` */
  put(
    client: Client,
    key: string,
    marks: Readonly<Record<string, string>>,
    condition: Readonly<Record<string, string>>,
  ): Promise<Written>;
  /** What the source threw while it was streamed; null when it did not. */
  sourceFailure(): unknown;
}

/** Content that goes in parts: they are to be sent before it can be put. */
export interface LargeContent extends UploadFacts {
  readonly content: StagedFile;
  readonly partBytes: number;
  readonly parts: readonly PartDigests[];
}

export type Prepared =
  | { readonly goes: 'whole'; readonly upload: Upload }
  | { readonly goes: 'in-parts'; readonly large: LargeContent };

interface Digests {
  readonly md5: Buffer;
  readonly sha256: Buffer;
}

/**
 * @param sizes null where the store takes no parts.
 * @throws HoldfastError content-too-large, content-mismatch
 * @throws whatever reading the content throws, StaleContent too
 */
export async function prepareUpload(content: Staged, sizes: PartSizes | null): Promise<Prepared> {
  if (content.kind === 'directory') return whole(wholeUpload(content, new Uint8Array()));
  const most = sizes === null ? MAX_WHOLE_BYTES : MAX_OBJECT_BYTES;
  if (content.size > most) {
    throw new HoldfastError(
      'content-too-large',
      `the file has ${content.size} bytes, the store takes ${most}`,
    );
  }
  if (sizes !== null && content.size > sizes.thresholdBytes) {
    return { goes: 'in-parts', large: await largeContent(content, sizes) };
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
  return whole(isSmall ? wholeUpload(content, Buffer.concat(chunks)) : streamedUpload(content, digests));
}

const whole = (upload: Upload): Prepared => ({ goes: 'whole', upload });

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
  const facts = factsOf(content, size, md5);
  const headers = {
    ...facts.headers,
    'content-md5': md5.toString('base64'),
    'x-amz-checksum-sha256': sha256.toString('base64'),
  };
  const body = { bytes, size, sha256: sha256.toString('hex') };
  return {
    ...facts,
    put: (client, key, marks, condition) => client.put(key, { ...headers, ...marks, ...condition }, body),
    sourceFailure,
  };
}

function factsOf(content: Staged, size: number, md5: Buffer): UploadFacts {
  const { kind, mtimeNs } = content;
  return { kind, size, md5: md5.toString('hex'), mtimeNs, headers: headersOf(content, md5) };
}

function headersOf(content: Staged, md5: Buffer): Record<string, string> {
  const { kind } = content;
  return {
    'content-type': kind === 'directory' ? 'application/x-directory' : 'application/octet-stream',
    ...metadataOf(kind, content, md5),
  };
}

async function largeContent(content: StagedFile, sizes: PartSizes): Promise<LargeContent> {
  const { md5, partBytes, parts } = await planParts(content, sizes, MOST_PARTS);
  return { ...factsOf(content, content.size, md5), content, partBytes, parts };
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
