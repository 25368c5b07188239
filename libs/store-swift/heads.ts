/** Heads: what the headers of an object or a container say, in our terms. */
import { type Generation, latestGeneration } from '#core/generation.ts';
import type { RemoteState } from '#core/state.ts';
import type { ResponseHeaders } from '#libs/http/classify.ts';
import { parseSeconds } from './seconds.ts';

export const DIRECTORY_TYPE = 'application/directory';
export const FILE_TYPE = 'application/octet-stream';
export const META_MTIME = 'x-object-meta-mtime';
/** Serial of the order that wrote an object, by which it is known again when its answer was lost. */
export const META_ORDER = 'x-object-meta-holdfast-order';
export const META_MODE = 'x-object-meta-mode';
export const META_IDENTITY = 'x-container-meta-holdfast-id';

/** Of its own for each pair, as pairs may share a container. */
export function metaGeneration(pairId: string, place: string): string {
  return `x-container-meta-holdfast-generation-${pairId.toLowerCase()}-${place}`;
}

export interface ObjectHead {
  readonly kind: 'file' | 'directory' | 'unhandled';
  readonly size: number;
  /** MD5 in hex; of a manifest something else. */
  readonly etag: string;
  /** Null where the container has no versions, and for what was written before it had. */
  readonly version: string | null;
  /** The write's own time as Swift writes it; becomes the version id of what is displaced. */
  readonly timestamp: string | null;
  readonly mtimeNs: bigint | null;
  readonly mode: number | null;
  /** Serial of our order that wrote it; null for what others wrote. */
  readonly order: string | null;
}

export interface ContainerHead {
  readonly identity: string | null;
  /** The time of its first making; one made again under the name keeps it for as long as the cluster remembers the old one. */
  readonly createdAt: string | null;
  readonly generation: Generation | null;
  readonly versioned: boolean;
  readonly objects: number;
  readonly bytes: number;
}

export function objectHead(headers: ResponseHeaders): ObjectHead {
  const size = Number(headers['content-length'] ?? 0);
  const version = headers['x-object-version-id'];
  const timestamp = headers['x-timestamp'] ?? null;
  return {
    kind: isForeign(headers) ? 'unhandled' : kindOf(headers['content-type'], size),
    size,
    etag: (headers['etag'] ?? '').replaceAll('"', '').toLowerCase(),
    version: version === undefined || version === 'null' ? null : version,
    timestamp,
    mtimeNs: parseSeconds(headers[META_MTIME]) ?? parseSeconds(timestamp ?? undefined),
    mode: parseMode(headers[META_MODE]),
    order: headers[META_ORDER] ?? null,
  };
}

/** A large-object manifest, or a symlink, which a plain container shows by the place its content comes from. */
function isForeign(headers: ResponseHeaders): boolean {
  const location = headers['content-location'];
  return (
    headers['x-static-large-object'] !== undefined ||
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
    generation: latestGeneration((place) => headers[metaGeneration(pairId, place)]),
    versioned: headers['x-versions-enabled']?.toLowerCase() === 'true',
    objects: Number(headers['x-container-object-count'] ?? 0),
    bytes: Number(headers['x-container-bytes-used'] ?? 0),
  };
}

/** Octal with or without the file type bits, such as `100644`. */
function parseMode(text: string | undefined): number | null {
  return text !== undefined && /^[0-7]{1,7}$/.test(text) ? Number.parseInt(text, 8) & 0o777 : null;
}
