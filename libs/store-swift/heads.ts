/** Heads: what the headers of an object or a container say, in our terms. */
import { type Generation, readGenerations } from '#core/generation.ts';
import type { RemoteState } from '#core/state.ts';
import type { ResponseHeaders } from '#libs/http/classify.ts';
import { parseSeconds } from './seconds.ts';

export const DIRECTORY_TYPE = 'application/directory';
export const FILE_TYPE = 'application/octet-stream';
export const META_MTIME = 'x-object-meta-mtime';
/** Serial of the order that wrote an object, by which it is known again when its answer was lost. */
export const META_ORDER = 'x-object-meta-holdfast-order';
/** Of a manifest of ours: MD5 of its content, and the ETag of the manifest that this was said of. */
const META_MANIFEST = 'x-object-meta-holdfast-md5';
export const META_MODE = 'x-object-meta-mode';
export const META_IDENTITY = 'x-container-meta-holdfast-id';

/** Of its own for each pair, as pairs may share a container. */
export function metaGeneration(pairId: string, place: string): string {
  return `x-container-meta-holdfast-generation-${pairId.toLowerCase()}-${place}`;
}

export interface ObjectHead {
  readonly kind: 'file' | 'directory' | 'unhandled';
  readonly size: number;
  /** MD5 in hex, also of the content of a manifest of ours; of a foreign manifest something else. */
  readonly etag: string;
  /** Of a manifest of ours; null for all else. */
  readonly manifest: Manifest | null;
  /** Null where the container has no versions, and for what was written before it had. */
  readonly version: string | null;
  /** The write's own time as Swift writes it; becomes the version id of what is displaced. */
  readonly timestamp: string | null;
  readonly mtimeNs: bigint | null;
  readonly mode: number | null;
  /** Serial of our order that wrote it; null for what others wrote. */
  readonly order: string | null;
}

/** What conditions compare of a large object, whose content is that of its segments. */
export interface Manifest {
  /** When its content is read. */
  readonly tag: string;
  /** When it is copied as what it is; listings show the same. */
  readonly ownTag: string;
}

export interface ContainerHead {
  readonly identity: string | null;
  /** The time of its first making; one made again under the name keeps it for as long as the cluster remembers the old one. */
  readonly createdAt: string | null;
  readonly generations: readonly Generation[];
  readonly versioned: boolean;
  readonly objects: number;
  readonly bytes: number;
}

export function objectHead(headers: ResponseHeaders): ObjectHead {
  const size = Number(headers['content-length'] ?? 0);
  const version = headers['x-object-version-id'];
  const timestamp = headers['x-timestamp'] ?? null;
  const tag = (headers['etag'] ?? '').replaceAll('"', '').toLowerCase();
  const md5 = manifestMd5(headers, tag);
  return {
    kind: isForeign(headers, md5 !== null) ? 'unhandled' : kindOf(headers['content-type'], size),
    size,
    etag: md5 ?? tag,
    manifest: md5 === null ? null : { tag, ownTag: headers['x-manifest-etag'] ?? '' },
    version: version === undefined || version === 'null' ? null : version,
    timestamp,
    mtimeNs: parseSeconds(headers[META_MTIME]) ?? parseSeconds(timestamp ?? undefined),
    mode: parseMode(headers[META_MODE]),
    order: headers[META_ORDER] ?? null,
  };
}

/** What a manifest is told beside its segments. @param tag that the store gives a manifest of them. */
export function manifestMark(md5: string, tag: string): Record<string, string> {
  return { [META_MANIFEST]: `${md5} ${tag}` };
}

/** Null for what is no manifest, and for one of other segments, whatever its metadata says. */
function manifestMd5(headers: ResponseHeaders, tag: string): string | null {
  if (headers['x-static-large-object'] === undefined) return null;
  const [, md5 = '', of] = /^([0-9a-f]{32}) ([0-9a-f]{32})$/.exec(headers[META_MANIFEST] ?? '') ?? [];
  return of === tag && md5 !== '' ? md5 : null;
}

/** A large-object manifest of others, or a symlink, which a plain container shows by the place its content comes from. */
function isForeign(headers: ResponseHeaders, isOurManifest: boolean): boolean {
  const location = headers['content-location'];
  return (
    (headers['x-static-large-object'] !== undefined && !isOurManifest) ||
    headers['x-object-manifest'] !== undefined ||
    headers['x-symlink-target'] !== undefined ||
    (location !== undefined && !location.includes('?version-id='))
  );
}

/** A marker with content would lose its bytes as a directory, so it counts as a file. */
export function kindOf(contentType: string | undefined, size: number): 'file' | 'directory' {
  return contentType?.split(';')[0]?.trim() === DIRECTORY_TYPE && size === 0 ? 'directory' : 'file';
}

export function stateOf(head: ObjectHead | null): RemoteState {
  if (head === null) return { kind: 'absent' };
  const { kind, size, etag, version, mtimeNs } = head;
  return kind === 'file' ? { kind, size, hash: etag, version, mtimeNs } : { kind, version };
}

export function containerHead(headers: ResponseHeaders, pairId: string): ContainerHead {
  return {
    identity: headers[META_IDENTITY] ?? null,
    createdAt: headers['x-timestamp'] ?? null,
    generations: readGenerations((place) => headers[metaGeneration(pairId, place)]),
    versioned: headers['x-versions-enabled']?.toLowerCase() === 'true',
    objects: Number(headers['x-container-object-count'] ?? 0),
    bytes: Number(headers['x-container-bytes-used'] ?? 0),
  };
}

/** Octal with or without the file type bits, such as `100644`. */
function parseMode(text: string | undefined): number | null {
  return text !== undefined && /^[0-7]{1,7}$/.test(text) ? Number.parseInt(text, 8) & 0o777 : null;
}
