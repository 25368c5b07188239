// The text encodings of the API: percent-decoding of paths and request
// headers, percent-encoding of response headers, and the routing of a path
// into account, container and object with the server's newline oddities.

import { Fault } from './fault.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const SAFE_IN_HEADER_VALUE = /^[A-Za-z0-9_.\-/=,:@; "]*$/;
const SAFE_IN_HEADER_NAME = /^[A-Za-z0-9_.\-/]*$/;
const ENCODED_PREFIXES = ['x-account-', 'x-container-', 'x-object-', 'content-'];

/** Text that decoding leaves as it is. */
const PLAIN_ASCII = /^[\u0020-\u0024\u0026-\u007e]*$/;

const MAX_CONTAINER_CHARACTERS = 256;
const MAX_OBJECT_CHARACTERS = 1024;

/** Decodes %XX once; a `%` that starts no escape stays as it is. Bytes that are not UTF-8 are refused. */
export function percentDecode(latin1: string): string {
  if (PLAIN_ASCII.test(latin1)) return latin1;
  const raw = Buffer.from(latin1, 'latin1');
  const bytes = Buffer.allocUnsafe(raw.length);
  let length = 0;
  for (let i = 0; i < raw.length; i++) {
    const hexPair = raw[i] === 0x25 ? raw.toString('latin1', i + 1, i + 3) : '';
    if (/^[0-9A-Fa-f]{2}$/.test(hexPair)) {
      bytes[length++] = Number.parseInt(hexPair, 16);
      i += 2;
    } else {
      bytes[length++] = raw[i]!;
    }
  }
  try {
    return UTF8.decode(bytes.subarray(0, length));
  } catch {
    throw new Fault(400, 'Text is not valid UTF-8.');
  }
}

function percentEncode(text: string, safe: RegExp): string {
  if (safe.test(text)) return text;
  let encoded = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const character = String.fromCharCode(byte);
    encoded += safe.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

/** Encodes the header families that the API encodes; ETag, Last-Modified and the rest pass unchanged. */
export function encodeResponseHeader(name: string, value: string): [string, string] {
  const lower = name.toLowerCase();
  if (!ENCODED_PREFIXES.some((prefix) => lower.startsWith(prefix))) return [name, value];
  return [percentEncode(name, SAFE_IN_HEADER_NAME), percentEncode(value, SAFE_IN_HEADER_VALUE)];
}

/** Request headers by lower-case name, decoded once. Content-Type and Content-Length are never decoded. */
export function decodeRequestHeaders(raw: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    if (/[^\t\x20-\x7e]/.test(value)) throw new Fault(400, `Header ${name} is not ASCII.`);
    const lower = name.toLowerCase();
    const verbatim = lower === 'content-type' || lower === 'content-length';
    const key = verbatim ? lower : percentDecode(name).toLowerCase();
    const decoded = verbatim ? value : percentDecode(value);
    const earlier = headers.get(key);
    headers.set(key, earlier === undefined ? decoded : `${earlier}, ${decoded}`);
  }
  return headers;
}

/** `x-object-meta-my_KEY` is stored and returned as `X-Object-Meta-My-Key`. */
export function titleCase(headerName: string): string {
  return headerName
    .replaceAll('_', '-')
    .split('-')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1).toLowerCase())
    .join('-');
}

export interface Target {
  readonly account: string;
  /** Empty when the request addresses the account. */
  readonly container: string;
  /** Empty when the request addresses the container. */
  readonly object: string;
}

/** Routes the still encoded path below the service root. */
export function parseTarget(encodedPath: string): Target {
  let path = percentDecode(encodedPath);
  // The routing pattern ends in `$`, which also matches before one last newline, and that newline is lost.
  if (path.endsWith('\n')) path = path.slice(0, -1);
  if (/[\n\0]/.test(path)) throw new Fault(400, 'Unknown path.');
  // The object part keeps its own trailing slash: `d` and `d/` are different objects.
  const [account, container, object] = splitPath(path);
  if (account === '' || (container === '' && object !== '')) throw new Fault(400, 'Unknown path.');
  checkNames(container, object);
  return { account, container, object };
}

function splitPath(path: string): [string, string, string] {
  const first = path.indexOf('/');
  if (first === -1) return [path, '', ''];
  const second = path.indexOf('/', first + 1);
  if (second === -1) return [path.slice(0, first), path.slice(first + 1), ''];
  return [path.slice(0, first), path.slice(first + 1, second), path.slice(second + 1)];
}

/** `/container/object` of Destination, X-Copy-From and X-Move-From (already decoded). */
export function parsePathHeader(value: string, header: string): { container: string; object: string } {
  const slash = value.indexOf('/', 1);
  if (!value.startsWith('/') || slash < 2 || slash === value.length - 1) {
    throw new Fault(400, `Invalid ${header} header.`);
  }
  const names = { container: value.slice(1, slash), object: value.slice(slash + 1) };
  checkNames(names.container, names.object);
  return names;
}

function checkNames(container: string, object: string): void {
  if (characters(container) > MAX_CONTAINER_CHARACTERS) throw new Fault(400, 'Container name is too long.');
  if (characters(object) > MAX_OBJECT_CHARACTERS) throw new Fault(400, 'Object name is too long.');
}

/** Code points, as the server counts, not UTF-16 units. */
export function characters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
