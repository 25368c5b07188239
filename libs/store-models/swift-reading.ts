/**
 * Swift reading: GET and HEAD of an object, current or by version, with the conditions and ranges
 * that adapters send. One look: what is read is what was there when the request arrived.
 */
import type { Answer, ModelRequest } from './exchange.ts';
import type { SwiftContainer, Version } from './swift-container.ts';

export function readObject(container: SwiftContainer, name: string, request: ModelRequest): Answer {
  const id = queryOf(request).get('version-id');
  const version = versionAt(container, name, id);
  const linked = container.linkedId(name);
  // What was asked for by its version is named only where it is handed out.
  const versioned = !container.isVersioned ? {} : { 'x-object-version-id': id ?? linked ?? 'null' };
  const refused = (code: number): Answer => status(code, id === null ? versioned : {});
  const wanted = request.headers['if-match'];
  if (version === null) {
    const marker = id === null ? null : container.version(name, id);
    if (marker === null) return refused(404);
    return wanted !== undefined && wanted !== marker.etag ? refused(412) : status(404, versioned);
  }
  const { bytes, manifest, type, meta } = version;
  // The list of segments is asked for by itself only to be copied.
  const isList = manifest === null || queryOf(request).get('multipart-manifest') === 'get';
  const etag = isList ? version.etag : manifest.tag;
  if (wanted !== undefined && wanted !== etag) return refused(412);
  const range = request.method === 'GET' ? rangeOf(request.headers['range'], bytes.length) : null;
  if (range === 'unsatisfiable') return refused(416);
  const { start, end } = range ?? { start: 0, end: bytes.length };
  const isFollowed = id === null && linked !== null;
  const headers: Record<string, string> = {
    ...meta,
    ...versioned,
    'content-type': type,
    'content-length': String(end - start),
    ...(manifest === null
      ? { etag }
      : { etag: `"${etag}"`, 'x-static-large-object': 'True', 'x-manifest-etag': version.etag }),
    'x-timestamp': version.id,
    ...(range === null ? {} : { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` }),
    ...(isFollowed ? { 'content-location': `${request.path}?version-id=${linked}` } : {}),
  };
  return { status: range === null ? 200 : 206, headers, body: bytes.subarray(start, end), isContent: true };
}

/** The version with an id, or the current one; null where there is none, or a marker. */
export function versionAt(container: SwiftContainer, name: string, id: string | null): Version | null {
  const version = id === null ? (container.current(name)?.version ?? null) : container.version(name, id);
  return version === null || version.isMarker ? null : version;
}

function rangeOf(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | null {
  const match = /^bytes=(\d+)-(\d+)$/.exec(header ?? '');
  if (match === null) return null;
  const start = Number(match[1]);
  const end = Math.min(Number(match[2]) + 1, size);
  return start < end ? { start, end } : 'unsatisfiable';
}

const KNOWN_PARAMETERS = new Set([
  'format',
  'limit',
  'marker',
  'multipart-manifest',
  'prefix',
  'version-id',
  'version_marker',
  'versions',
]);

/** @throws for a parameter that would be without effect here, though not on a real server. */
export function queryOf(request: ModelRequest): URLSearchParams {
  const query = new URLSearchParams(request.query);
  for (const key of query.keys()) {
    if (!KNOWN_PARAMETERS.has(key)) throw notModelled(request);
  }
  return query;
}

export function notModelled({ method, path, query }: ModelRequest): Error {
  return new Error(`the model of Swift knows no ${method} ${path}?${query}`);
}

export function status(code: number, headers: Answer['headers'] = {}): Answer {
  return { status: code, headers };
}
