/**
 * Upload: staged content as the headers and body of one PUT, or as segments and a manifest. Its MD5 always goes ahead,
 * so that Swift refuses bytes that changed on their way instead of showing them. Small content is read
 * whole first; large content streams, read once more before when nobody hashed it yet, and a
 * source that fails in the middle cuts the request, of which Swift keeps nothing.
 */

import { createHash } from 'node:crypto';
import { type PartDigests, type PartSizes, planParts } from '#libs/digest/parts.ts';
import { otherThanPromised, streamed } from '#libs/digest/verified.ts';
import type { HttpResponse } from '#libs/http/client.ts';
import type { Staged, StagedFile } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Client } from './client.ts';
import { DIRECTORY_TYPE, FILE_TYPE, META_MODE, META_MTIME } from './heads.ts';
import { formatSeconds } from './seconds.ts';
import type { AccountRequest } from './session.ts';

/** Swift's own limits, as they are set unless an operator changed them. */
export const MAX_WHOLE_BYTES = 5 * 1024 ** 3;
const MOST_SEGMENTS = 1_000;
/** The largest segment that doubling leads to. */
export const MAX_OBJECT_BYTES = MOST_SEGMENTS * 4 * 1024 ** 3;
const BUFFERED_BYTES = 1024 * 1024;
const EMPTY_MD5 = 'd41d8cd98f00b204e9800998ecf8427e';
/** File type bits of a regular file, as rclone and others write the mode. */
const REGULAR_FILE = 0o100000;

/** What is known of content before any of it is sent. */
export interface UploadFacts {
  readonly kind: 'file' | 'directory';
  readonly size: number;
  readonly mtimeNs: bigint | null;
  /** As the object shows them afterwards. */
  readonly headers: Record<string, string>;
  /** MD5 of the content. */
  readonly md5: string;
}

export interface Upload extends UploadFacts {
  /** ETag that the store answers when it received what was sent. */
  readonly answer: string;
  /** One write, which is the commit; as `Client.put`. @param marks headers that it takes besides. */
  put(client: Client, name: string, marks: Record<string, string>): Promise<HttpResponse>;
  /** What the source threw while it was streamed; null when it did not. */
  sourceFailure(): unknown;
}

/** Content that goes in segments: they are to be sent before it can be put. */
export interface LargeContent extends UploadFacts {
  readonly content: StagedFile;
  readonly parts: readonly PartDigests[];
}

export type Prepared =
  | { readonly goes: 'whole'; readonly upload: Upload }
  | { readonly goes: 'in-segments'; readonly large: LargeContent };

/**
 * @param sizes null where the store takes no manifests.
 * @throws HoldfastError content-too-large, content-mismatch
 * @throws whatever reading small content throws, StaleContent too
 */
export async function prepareUpload(content: Staged, sizes: PartSizes | null): Promise<Prepared> {
  if (content.kind === 'directory')
    return whole(wholeUpload('directory', content, new Uint8Array(), EMPTY_MD5));
  const most = sizes === null ? MAX_WHOLE_BYTES : MAX_OBJECT_BYTES;
  if (content.size > most) {
    throw new HoldfastError(
      'content-too-large',
      `the file has ${content.size} bytes, the store takes ${most}`,
    );
  }
  if (sizes !== null && content.size > sizes.thresholdBytes) {
    return { goes: 'in-segments', large: await largeContent(content, sizes) };
  }
  if (content.size > BUFFERED_BYTES)
    return whole(streamedUpload(content, content.hash ?? (await hashOf(content))));
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.read()) chunks.push(Uint8Array.from(chunk));
  const bytes = Buffer.concat(chunks);
  const md5 = createHash('md5').update(bytes).digest('hex');
  if (bytes.length !== content.size || (content.hash !== null && content.hash !== md5))
    throw otherThanPromised();
  return whole(wholeUpload('file', content, bytes, md5));
}

const whole = (upload: Upload): Prepared => ({ goes: 'whole', upload });

type Attributes = Pick<Staged, 'mtimeNs' | 'mode'>;

function wholeUpload(kind: Upload['kind'], content: Attributes, bytes: Uint8Array, md5: string): Upload {
  return uploadOf(
    factsOf(kind, content, bytes.length, md5),
    () => bytes,
    () => null,
  );
}

async function hashOf(content: StagedFile): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of content.read()) hash.update(chunk);
  return hash.digest('hex');
}

function streamedUpload(content: StagedFile, md5: string): Upload {
  const { bytes, failure } = streamed(content, 'md5', md5);
  return uploadOf(factsOf('file', content, content.size, md5), bytes, failure);
}

function uploadOf(
  facts: UploadFacts,
  body: NonNullable<AccountRequest['body']>,
  sourceFailure: () => unknown,
): Upload {
  return {
    ...facts,
    answer: facts.md5,
    put: (client, name, marks) => client.put(name, { ...facts.headers, ...marks }, body),
    sourceFailure,
  };
}

async function largeContent(content: StagedFile, sizes: PartSizes): Promise<LargeContent> {
  const { md5, parts } = await planParts(content, sizes, MOST_SEGMENTS);
  return { ...factsOf('file', content, content.size, md5.toString('hex')), content, parts };
}

/** ETag of a manifest of these segments. */
export function manifestTag(parts: readonly Pick<PartDigests, 'md5'>[]): string {
  const hash = createHash('md5');
  for (const { md5 } of parts) hash.update(md5);
  return hash.digest('hex');
}

function factsOf(kind: Upload['kind'], content: Attributes, size: number, md5: string): UploadFacts {
  return { kind, size, mtimeNs: content.mtimeNs, headers: headersOf(kind, content, size, md5), md5 };
}

function headersOf(
  kind: Upload['kind'],
  content: Attributes,
  size: number,
  md5: string,
): Record<string, string> {
  return {
    'content-length': String(size),
    'content-type': kind === 'directory' ? DIRECTORY_TYPE : FILE_TYPE,
    etag: md5,
    ...(content.mtimeNs === null ? {} : { [META_MTIME]: formatSeconds(content.mtimeNs) }),
    ...(content.mode === null ? {} : { [META_MODE]: modeText(kind, content.mode) }),
  };
}

function modeText(kind: Upload['kind'], mode: number): string {
  return (kind === 'directory' ? 0o40000 | mode : REGULAR_FILE | mode).toString(8);
}
