// A parsed request and a reply as values. Handlers turn one into the other and
// never touch sockets, so fault injection can drop, cut or replace a reply
// after the handler has committed.

import { Fault } from './fault.ts';
import type { Target } from './wire-text.ts';

export interface User {
  readonly userId: string;
  readonly name: string;
}

/** What hooks, counters and injection rules see of a request. */
export interface RequestInfo {
  readonly method: string;
  /** Such as `object.put-hashmap`; see `kindOf`. */
  readonly kind: string;
  readonly account: string;
  readonly container: string;
  readonly object: string;
  readonly query: string;
}

export interface PithosRequest {
  readonly info: RequestInfo;
  readonly method: string;
  readonly target: Target;
  readonly query: URLSearchParams;
  /** By lower-case name, decoded once. */
  readonly headers: ReadonlyMap<string, string>;
  readonly user: User;
  readonly isChunked: boolean;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

export const MAX_UPLOAD_BYTES = 5 * 1024 ** 3;

/** Parameters act by presence: `?update`, `?update=` and `?update=no` are the same. */
export function hasFlag(request: PithosRequest, name: string): boolean {
  return request.query.has(name);
}

/** A non-negative integer parameter; anything else counts as absent. */
export function integerParameter(request: PithosRequest, name: string): number | undefined {
  const text = request.query.get(name);
  return text !== null && /^\s*\+?\d+\s*$/.test(text) ? Number(text) : undefined;
}

/** Body length, or undefined for a chunked body. Neither given is 411. */
export function bodyLength(request: PithosRequest): number | undefined {
  if (request.isChunked) return undefined;
  const text = request.headers.get('content-length');
  if (text === undefined) throw new Fault(411, 'Missing Content-Length header');
  const length = Number(text);
  if (!Number.isSafeInteger(length) || length < 0) throw new Fault(411, 'Invalid Content-Length header');
  if (length > MAX_UPLOAD_BYTES) throw new Fault(413, 'Upload is too large');
  return length;
}

export function requireContentType(request: PithosRequest): string {
  const type = request.headers.get('content-type');
  if (!type) throw new Fault(411, 'Missing Content-Type header');
  return type;
}

/** Yields the body cut at the block size; the last block may be short, an empty body yields none. */
export async function* bodyBlocks(request: PithosRequest, blockSize: number): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (let chunk of request.body) {
    while (held + chunk.length >= blockSize) {
      const take = blockSize - held;
      parts.push(chunk.subarray(0, take));
      yield Buffer.concat(parts);
      parts = [];
      held = 0;
      chunk = chunk.subarray(take);
    }
    if (chunk.length > 0) {
      parts.push(chunk);
      held += chunk.length;
    }
  }
  if (held > 0) yield Buffer.concat(parts);
}

export async function readText(request: Pick<PithosRequest, 'body'>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of request.body) parts.push(chunk);
  return Buffer.concat(parts).toString('utf8');
}

export type Format = 'json' | 'xml' | 'text';

/** `format=` beats the path suffix, which beats Accept: an object named `a.xml` is described in XML by default. */
export function replyFormat(request: PithosRequest, fallback: Format): Format {
  const asked = request.query.get('format');
  if (asked === 'json' || asked === 'xml' || asked === 'text') return asked;
  const path = request.target.object || request.target.container || request.target.account;
  if (path.endsWith('.json')) return 'json';
  if (path.endsWith('.xml')) return 'xml';
  for (const item of (request.headers.get('accept') ?? '').split(',')) {
    const type = item.split(';')[0]!.trim();
    if (type === 'application/json') return 'json';
    if (type === 'application/xml' || type === 'text/xml') return 'xml';
    if (type === 'text/plain') return 'text';
  }
  return fallback;
}

/** A stable name per operation, for counters, hooks and rules. */
export function kindOf(
  method: string,
  target: Target,
  query: URLSearchParams,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string {
  if (target.container === '') return `account.${method.toLowerCase()}`;
  if (target.object === '') {
    if (method === 'GET') return 'container.list';
    if (method !== 'POST') return `container.${method.toLowerCase()}`;
    return headers['content-type'] === 'application/octet-stream' ? 'block.upload' : 'container.post';
  }
  if (method === 'PUT') {
    if (headers['x-move-from'] !== undefined) return 'object.move';
    if (headers['x-copy-from'] !== undefined) return 'object.copy';
    return query.has('hashmap') ? 'object.put-hashmap' : 'object.put-data';
  }
  if (method === 'GET') {
    if (query.get('version') === 'list') return 'object.versions';
    return query.has('hashmap') ? 'object.get-hashmap' : 'object.get-data';
  }
  return `object.${method.toLowerCase()}`;
}
