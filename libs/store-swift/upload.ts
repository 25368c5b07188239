/**
 * Upload: staged content as the headers and body of one PUT. Its MD5 always goes ahead, so that
 * Swift refuses bytes that changed on their way instead of showing them. Small content is read
 * whole first; large content streams, read once more before when nobody hashed it yet, and a
 * source that fails in the middle cuts the request, of which Swift keeps nothing.
 */

import { createHash } from 'node:crypto';
import { otherThanPromised, streamed } from '#libs/digest/verified.ts';
import type { Staged, StagedFile } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import { DIRECTORY_TYPE, FILE_TYPE, META_MODE, META_MTIME } from './heads.ts';
import { formatSeconds } from './seconds.ts';
import type { AccountRequest } from './session.ts';

/** Swift's own limit for one object; larger ones need manifests, which other tools may not expect. */
export const MAX_OBJECT_BYTES = 5 * 1024 ** 3;
const BUFFERED_BYTES = 1024 * 1024;
const EMPTY_MD5 = 'd41d8cd98f00b204e9800998ecf8427e';
/** File type bits of a regular file, as rclone and others write the mode. */
const REGULAR_FILE = 0o100000;

export interface Upload {
  readonly kind: 'file' | 'directory';
  readonly size: number;
  readonly mtimeNs: bigint | null;
  readonly headers: Record<string, string>;
  readonly body: NonNullable<AccountRequest['body']>;
  /** MD5 of the content. */
  readonly md5: string;
  /** What the source threw while it was streamed; null when it did not. */
  sourceFailure(): unknown;
}

/**
 * @throws HoldfastError content-too-large, content-mismatch
 * @throws whatever reading small content throws, StaleContent too
 */
export async function prepareUpload(content: Staged): Promise<Upload> {
  if (content.kind === 'directory') return wholeUpload('directory', content, new Uint8Array(), EMPTY_MD5);
  if (content.size > MAX_OBJECT_BYTES) {
    throw new HoldfastError(
      'content-too-large',
      `the file has ${content.size} bytes, the store takes ${MAX_OBJECT_BYTES}`,
    );
  }
  if (content.size > BUFFERED_BYTES) return streamedUpload(content, content.hash ?? (await hashOf(content)));
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.read()) chunks.push(Uint8Array.from(chunk));
  const bytes = Buffer.concat(chunks);
  const md5 = createHash('md5').update(bytes).digest('hex');
  if (bytes.length !== content.size || (content.hash !== null && content.hash !== md5))
    throw otherThanPromised();
  return wholeUpload('file', content, bytes, md5);
}

type Attributes = Pick<Staged, 'mtimeNs' | 'mode'>;

function wholeUpload(kind: Upload['kind'], content: Attributes, bytes: Uint8Array, md5: string): Upload {
  return {
    kind,
    size: bytes.length,
    mtimeNs: content.mtimeNs,
    headers: headersOf(kind, content, bytes.length, md5),
    body: () => bytes,
    md5,
    sourceFailure: () => null,
  };
}

async function hashOf(content: StagedFile): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of content.read()) hash.update(chunk);
  return hash.digest('hex');
}

function streamedUpload(content: StagedFile, md5: string): Upload {
  const { bytes, failure } = streamed(content, 'md5', md5);
  return {
    kind: 'file',
    size: content.size,
    mtimeNs: content.mtimeNs,
    headers: headersOf('file', content, content.size, md5),
    body: bytes,
    md5,
    sourceFailure: failure,
  };
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
