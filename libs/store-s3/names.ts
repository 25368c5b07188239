/**
 * Names: how names become keys of a bucket and back. A directory is an empty object whose key ends
 * in `/`; what Holdfast keeps for itself lies under its private directory and is never listed.
 */
import { createHash } from 'node:crypto';
import { type Name, PRIVATE_DIRECTORY } from '#core/name.ts';

/** A hidden object whose content is the identity of the bucket. */
export const IDENTITY_KEY = `${PRIVATE_DIRECTORY}/identity`;

const GENERATION_PREFIX = `${PRIVATE_DIRECTORY}/generation-`;
const PROBE_PREFIX = `${PRIVATE_DIRECTORY}/probe-`;
const UPLOAD_PREFIX = `${PRIVATE_DIRECTORY}/upload-`;
const HIDDEN_PREFIXES = [GENERATION_PREFIX, PROBE_PREFIX, UPLOAD_PREFIX];

/** One for each pair, as pairs may share a bucket. */
export function generationKey(pairId: string): string {
  return GENERATION_PREFIX + pairId;
}

export function probeKey(uniqueId: string): string {
  return PROBE_PREFIX + uniqueId;
}

/** Of the records of a pair's uploads in parts; of those to one key, or of all. */
export function uploadPrefix(pairId: string, key: string | null): string {
  return `${UPLOAD_PREFIX}${pairId}-${key === null ? '' : `${shortDigest(key)}-`}`;
}

/** Of its own for each upload, as workers may begin one of the same key at once. */
export function uploadRecordKey(pairId: string, key: string, uploadId: string): string {
  return uploadPrefix(pairId, key) + shortDigest(uploadId);
}

function shortDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

export function isHidden(key: string): boolean {
  return key === IDENTITY_KEY || HIDDEN_PREFIXES.some((prefix) => key.startsWith(prefix));
}

export function markerKey(name: Name | string): string {
  return `${name}/`;
}

export function keyOf(name: Name, kind: 'file' | 'directory'): string {
  return kind === 'file' ? name : markerKey(name);
}

/** Percent-encodes all but the unreserved characters, as signatures are made over; slashes stay. */
export function encodeKey(key: string): string {
  return key.split('/').map(encodeStrictly).join('/');
}

export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
