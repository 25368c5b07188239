/** Heads: what the headers of an object say, in our terms; and the metadata that we write, under rclone's keys. */
import type { RemoteState } from '#core/state.ts';
import type { ResponseHeaders } from '#libs/http/classify.ts';
import { plainTag } from './xml.ts';

const META_MTIME = 'x-amz-meta-mtime';
const META_MODE = 'x-amz-meta-mode';
/** Base64 MD5 of the content, where the ETag is something else: after encryption, or an upload in parts. */
const META_MD5 = 'x-amz-meta-md5chksum';
/** Serial of the order that wrote an object, by which it is known again when its answer was lost. */
const META_ORDER = 'x-amz-meta-holdfast-order';

export interface ObjectHead {
  /** `unhandled`: nothing tells the digest of its content. */
  readonly kind: 'file' | 'directory' | 'unhandled';
  readonly size: number;
  /** What conditions compare; of some objects the MD5. */
  readonly etag: string;
  /** MD5 of the content in hex; empty where it is unknown. */
  readonly md5: string;
  /** Null where the bucket has no versions. */
  readonly version: string | null;
  readonly mtimeNs: bigint | null;
  readonly mode: number | null;
  /** Serial of our order that wrote it; null for what others wrote. */
  readonly order: string | null;
  /** The store's own time of the write. */
  readonly writtenAt: Date;
}

/** @param listsDigests whether this bucket's ETags are MD5 at all. */
export function objectHead(key: string, headers: ResponseHeaders, listsDigests: boolean): ObjectHead {
  const size = sizeOf(headers);
  const etag = plainTag(headers['etag'] ?? '');
  const md5 = (listsDigests && !isEncrypted(headers) ? digestInTag(etag) : null) ?? metaMd5(headers) ?? '';
  const version = headers['x-amz-version-id'];
  const written = Date.parse(headers['last-modified'] ?? '');
  const writtenAt = new Date(Number.isNaN(written) ? 0 : written);
  return {
    kind: isMarker(key, size) ? 'directory' : md5 === '' ? 'unhandled' : 'file',
    size,
    etag,
    md5,
    version: version === undefined || version === '' ? null : version,
    mtimeNs: parseMtime(headers[META_MTIME]) ?? BigInt(writtenAt.getTime()) * 1_000_000n,
    mode: parseMode(headers[META_MODE]),
    order: headers[META_ORDER] ?? null,
    writtenAt,
  };
}

/** A marker with content would lose its bytes as a directory, so it counts as a file of an odd name. */
export function isMarker(key: string, size: number): boolean {
  return key.endsWith('/') && size === 0;
}

/** The MD5 that an ETag is; null for one of an upload in parts. */
export function digestInTag(etag: string): string | null {
  return /^[0-9a-f]{32}$/.test(etag) ? etag : null;
}

export function stateOf(head: ObjectHead | null): RemoteState {
  if (head === null) return { kind: 'absent' };
  const { kind, size, md5, version, mtimeNs } = head;
  return kind === 'file' ? { kind, size, hash: md5, version, mtimeNs } : { kind, version };
}

export interface Attributes {
  readonly mtimeNs: bigint | null;
  readonly mode: number | null;
}

export function metadataOf(
  kind: 'file' | 'directory',
  { mtimeNs, mode }: Attributes,
  md5: Buffer,
): Record<string, string> {
  const typeBits = kind === 'directory' ? 0o40000 : 0o100000;
  return {
    ...(mtimeNs === null ? {} : { [META_MTIME]: formatMtime(mtimeNs) }),
    ...(mode === null ? {} : { [META_MODE]: (typeBits | mode).toString(8) }),
    ...(kind === 'file' ? { [META_MD5]: md5.toString('base64') } : {}),
  };
}

export function orderMark(serial: bigint): Record<string, string> {
  return { [META_ORDER]: String(serial) };
}

/** Of a range, the size of the whole. */
function sizeOf(headers: ResponseHeaders): number {
  const whole = /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1];
  return Number(whole ?? headers['content-length'] ?? 0);
}

/** With keys of the customer or of a key service the ETag is no digest of the content. */
function isEncrypted(headers: ResponseHeaders): boolean {
  const own = headers['x-amz-server-side-encryption-customer-algorithm'];
  return own !== undefined || (headers['x-amz-server-side-encryption'] ?? '').startsWith('aws:');
}

function metaMd5(headers: ResponseHeaders): string | null {
  const bytes = Buffer.from(headers[META_MD5] ?? '', 'base64');
  return bytes.length === 16 ? bytes.toString('hex') : null;
}

/** Seconds with up to nine decimals, as rclone and others write them. */
function parseMtime(text: string | undefined): bigint | null {
  const [, sign, seconds, decimals = ''] = /^(-)?(\d{1,15})(?:\.(\d+))?$/.exec(text?.trim() ?? '') ?? [];
  if (seconds === undefined) return null;
  const ns = BigInt(seconds + decimals.padEnd(9, '0').slice(0, 9));
  return sign === undefined ? ns : -ns;
}

function formatMtime(ns: bigint): string {
  const digits = String(ns < 0n ? -ns : ns).padStart(10, '0');
  return `${ns < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** Octal, with or without the bits of the file's type. */
function parseMode(text: string | undefined): number | null {
  return /^[0-7]{1,7}$/.test(text ?? '') ? Number.parseInt(text ?? '', 8) & 0o777 : null;
}
