/**
 * Wire: the text forms of the Pithos API (pithos-api sections 2 to 5): percent-encoding of
 * paths and headers, times, tags, and what an object's headers or listing row say about it.
 */
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import type { ResponseHeaders } from '#libs/http/classify.ts';

/** What one version of an object is, without its bytes. */
export interface ObjectFacts {
  /** Merkle hash, lower-case hex. */
  readonly hash: string;
  readonly bytes: number;
  readonly kind: 'file' | 'directory' | 'manifest';
  /** What If-Match compares: the Merkle hash, or the MD5 where the store shows that as ETag. */
  readonly tag: string;
  /** Serial of the version. */
  readonly version: number;
  /** From user metadata; null when there is none. */
  readonly mtimeNs: bigint | null;
  readonly mode: number | null;
  /** The store's own time of the version, from its HTTP date. */
  readonly writtenNs: bigint | null;
  /** Which order wrote this version, as in `OrderMark`; null for other writers. */
  readonly mark: string | null;
  /** Content may be unreadable for a while. */
  readonly available: boolean;
  readonly contentType: string;
}

/** Content identity (pithos-api section 4.1): the hash covers neither length nor kind. */
export interface ContentIdentity {
  readonly hash: string;
  readonly bytes: number;
  readonly kind: ObjectFacts['kind'];
}

export const FILE_TYPE = 'application/octet-stream';
export const DIRECTORY_TYPE = 'application/directory';

export const META_MTIME = 'X-Object-Meta-Mtime';
export const META_MODE = 'X-Object-Meta-Mode';
/** Serial of the order that wrote a version and the version it was to replace: lets a repeat after a crash know its own work. */
export const META_ORDER = 'X-Object-Meta-Holdfast-Order';
export const CONTAINER_IDENTITY = 'X-Container-Meta-Holdfast-Id';

/** Of its own for each pair, as pairs may share a container. */
export function containerGeneration(pairId: string, place: string): string {
  return `X-Container-Meta-Holdfast-Generation-${pairId}-${place}`;
}

export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** `Destination` and `X-Move-From`: decoded once by the server as soon as they contain a `%`. */
export function encodePathHeader(container: string, path: string): string {
  return `/${encodePath(container)}/${encodePath(path)}`;
}

export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

export function asText(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** `1700000000.565891` as nanoseconds; null when it is no such text. */
export function parseDecimalSeconds(text: unknown): bigint | null {
  const match = typeof text === 'string' ? /^(-?)(\d+)(?:\.(\d{1,9})\d*)?$/.exec(text.trim()) : null;
  if (match === null) return null;
  const [, sign, whole = '0', fraction = ''] = match;
  const ns = BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  return sign === '-' ? -ns : ns;
}

/** rclone's format of modification times: seconds with nine decimals. */
export function formatMtime(ns: bigint): string {
  const positive = ns < 0n ? -ns : ns;
  const fraction = String(positive % 1_000_000_000n).padStart(9, '0');
  return `${ns < 0n ? '-' : ''}${positive / 1_000_000_000n}.${fraction}`;
}

/** Octal with the file type, as `stat` shows it. */
export function formatMode(kind: 'file' | 'directory', mode: number): string {
  return ((kind === 'directory' ? 0o40000 : 0o100000) | (mode & 0o777)).toString(8);
}

function parseMode(text: string | null): number | null {
  return text !== null && /^[0-7]{1,7}$/.test(text) ? Number.parseInt(text, 8) & 0o777 : null;
}

/** Values of these header families arrive percent-encoded; a `%` that starts no escape is left alone. */
export function headerText(headers: ResponseHeaders, name: string): string | null {
  const raw = headers[name.toLowerCase()];
  if (raw === undefined || raw === '') return null;
  try {
    return decodeURIComponent(raw);
  } catch (error) {
    if (error instanceof URIError) return raw;
    throw error;
  }
}

export function headerNumber(headers: ResponseHeaders, name: string): number | null {
  const text = headerText(headers, name);
  return text !== null && /^\d+$/.test(text) ? Number(text) : null;
}

function isDirectoryType(contentType: string): boolean {
  const essence = contentType.split(';')[0]!.trim().toLowerCase();
  return essence === DIRECTORY_TYPE || essence === 'application/folder';
}

/** Proxies may add quotes, `W/` or a suffix to ETags; then the Merkle hash is the better guess. */
function conditionTag(headers: ResponseHeaders, hash: string): string {
  const tag = (headers['etag'] ?? '').replace(/^W\//, '').replaceAll('"', '');
  return /^[0-9a-f]{32}$/.test(tag) ? tag : hash;
}

/** @returns null when the headers are not those of a Pithos object. */
export function parseObjectFacts(headers: ResponseHeaders, bytes: number | null): ObjectFacts | null {
  const hash = headerText(headers, 'X-Object-Hash');
  const version = headerNumber(headers, 'X-Object-Version');
  if (hash === null || version === null || bytes === null) return null;
  const contentType = headerText(headers, 'Content-Type') ?? '';
  const isManifest = headerText(headers, 'X-Object-Manifest') !== null;
  const written = Date.parse(headerText(headers, 'X-Object-Version-Timestamp') ?? '');
  const available = headerText(headers, 'Available');
  return {
    hash,
    bytes,
    kind: isManifest ? 'manifest' : isDirectoryType(contentType) && bytes === 0 ? 'directory' : 'file',
    tag: conditionTag(headers, hash),
    version,
    mtimeNs: parseDecimalSeconds(headerText(headers, META_MTIME)),
    mode: parseMode(headerText(headers, META_MODE)),
    writtenNs: Number.isNaN(written) ? null : BigInt(written) * 1_000_000n,
    mark: headerText(headers, META_ORDER),
    available: available === null || available === '1',
    contentType,
  };
}

export function stateOf(facts: ObjectFacts | null): RemoteState {
  if (facts === null) return { kind: 'absent' };
  const version = String(facts.version);
  if (facts.kind === 'manifest') return { kind: 'unhandled', version };
  if (facts.kind === 'directory') return { kind: 'directory', version };
  return {
    kind: 'file',
    size: facts.bytes,
    hash: facts.hash,
    version,
    mtimeNs: facts.mtimeNs ?? facts.writtenNs,
  };
}

export function sameIdentity(facts: ObjectFacts, wanted: ContentIdentity): boolean {
  return (
    facts.kind === wanted.kind &&
    (wanted.kind === 'directory' || (facts.bytes === wanted.bytes && facts.hash === wanted.hash))
  );
}

/** Whether the store holds the content that a state names. */
export function isContentOf(facts: ObjectFacts | null, state: RemoteState): boolean {
  if (facts === null) return state.kind === 'absent';
  if (state.kind === 'file') {
    return facts.kind === 'file' && facts.bytes === state.size && facts.hash === state.hash;
  }
  return state.kind === facts.kind;
}

/** Our own hidden objects, and those of Agkyra on a shared container: never listed, never synced. */
export const DELETES_PREFIX = '.holdfast-delete/';
export const PROBES_PREFIX = '.holdfast-probe/';
const AGKYRA_SUFFIX = '.pithos_staged_for_deletion';

export function isHidden(rawName: string | Name): boolean {
  return (
    rawName.startsWith(DELETES_PREFIX) || rawName.startsWith(PROBES_PREFIX) || rawName.endsWith(AGKYRA_SUFFIX)
  );
}

/** One row of a container listing (pithos-api section 3.1); null when it is none. */
export function parseListedObject(row: unknown): { rawName: string; state: RemoteState } | null {
  const fields = asRecord(row);
  const rawName = asText(fields['name']);
  const hash = asText(fields['x_object_hash']);
  const bytes = fields['bytes'];
  const serial = fields['x_object_version'];
  if (rawName === null || hash === null || typeof bytes !== 'number' || typeof serial !== 'number')
    return null;
  const version = String(serial);
  if (bytes === 0 && isDirectoryType(asText(fields['content_type']) ?? '')) {
    return { rawName, state: { kind: 'directory', version } };
  }
  const mtimeNs = parseDecimalSeconds(fields['x_object_version_timestamp']);
  return { rawName, state: { kind: 'file', size: bytes, hash, version, mtimeNs } };
}
