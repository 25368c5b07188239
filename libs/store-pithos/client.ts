/**
 * Client: the dialect, one function per request of pithos-api sections 3 to 5, on one container.
 * It parses and classifies but decides nothing: a status that the commit protocol has a use for
 * comes back as a value, every other one as an error. A 401 renews the session once.
 */

import { type Generation, readGenerations } from '#core/generation.ts';
import { protocolFailure } from '#libs/http/classify.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '#libs/http/client.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Session, Sessions } from './auth.ts';
import {
  asRecord,
  CONTAINER_IDENTITY,
  containerGeneration,
  encodePath,
  encodePathHeader,
  headerNumber,
  headerText,
  type ObjectFacts,
  parseDecimalSeconds,
  parseObjectFacts,
} from './wire.ts';

export interface ContainerHead {
  readonly identity: string | null;
  readonly generations: readonly Generation[];
  readonly blockSize: number;
  readonly isVersioned: boolean;
  readonly objects: number;
  readonly bytes: number;
  readonly lastModified: string;
}

export interface Hashmap {
  readonly bytes: number;
  readonly hashes: readonly string[];
}

/** One readable version; deletions are not among them. */
export interface VersionRow {
  readonly serial: number;
  readonly writtenNs: bigint;
}

export type Guard = { readonly onlyIfAbsent: true } | { readonly onlyIfTag: string };

export interface HashmapPut {
  readonly map: Hashmap;
  readonly contentType: string;
  /** User metadata by full header name; replaces what is there. */
  readonly meta: Readonly<Record<string, string>>;
  readonly guard: Guard;
}

export type PutResult =
  | { readonly result: 'created'; readonly version: number }
  /** Blocks that must be uploaded first; nothing was created. */
  | { readonly result: 'missing'; readonly hashes: readonly string[] }
  | { readonly result: 'refused' };

export interface PithosClient {
  readonly container: string;
  /** Null when the container does not exist. */
  headContainer(): Promise<ContainerHead | null>;
  createContainer(): Promise<void>;
  setContainerHeaders(headers: Readonly<Record<string, string>>): Promise<void>;
  /** @throws HoldfastError container-missing */
  listPage(options: { after: string | null; prefix?: string; limit: number }): Promise<readonly unknown[]>;
  /** Null: not there, which may mean that the container is not. */
  head(name: string, version?: number): Promise<ObjectFacts | null>;
  hashmap(name: string, version: number): Promise<Hashmap | null>;
  /** The bytes from `start` up to but without `end`. Null as in `head`. */
  content(name: string, version: number, start: number, end: number): Promise<HttpResponse | null>;
  /** Ascending by serial; empty when the name was never used. */
  versions(name: string): Promise<readonly VersionRow[]>;
  /** Stores whole blocks, the last of which may be short. @returns their hashes in order, as the store computed them. */
  postBlocks(blocks: Uint8Array): Promise<readonly string[]>;
  /** @throws HoldfastError container-missing */
  putHashmap(name: string, put: HashmapPut): Promise<PutResult>;
  /** MOVE with If-Match on the source; the destination is overwritten. */
  moveIf(name: string, to: string, tag: string): Promise<'moved' | 'refused' | 'missing'>;
  /** The opposite guard: only where nothing is at `name`; the source is unguarded. */
  moveBack(from: string, name: string): Promise<'moved' | 'refused' | 'missing'>;
  /** Never conditional, whatever is sent (pithos-api section 4.8); `probeTag` is sent to see whether that still holds. */
  remove(name: string, probeTag?: string): Promise<'removed' | 'refused' | 'missing'>;
}

/** @param pairId tells what this pair wrote into the container's metadata from what others did. */
export function createPithosClient(
  http: HttpClient,
  sessions: Sessions,
  container: string,
  pairId: string,
): PithosClient {
  const wire: Wire = { http, sessions, container, pairId };
  return {
    container,
    headContainer: () => headContainer(wire),
    createContainer: () => createContainer(wire),
    setContainerHeaders: (headers) => setContainerHeaders(wire, headers),
    listPage: (options) => listPage(wire, options),
    head: (name, version) => headObject(wire, name, version),
    hashmap: (name, version) => getHashmap(wire, name, version),
    content: (name, version, start, end) => getContent(wire, name, version, start, end),
    versions: (name) => listVersions(wire, name),
    postBlocks: (blocks) => postBlocks(wire, blocks),
    putHashmap: (name, put) => putHashmap(wire, name, put),
    moveIf: (name, to, tag) =>
      transfer(wire, {
        method: 'MOVE',
        name,
        query: '?ignore_content_type',
        headers: { 'if-match': tag, destination: encodePathHeader(container, to) },
        what: `move ${name} aside`,
      }),
    moveBack: (from, name) =>
      transfer(wire, {
        method: 'PUT',
        name,
        query: '?ignore_content_type',
        headers: {
          'if-none-match': '*',
          'x-move-from': encodePathHeader(container, from),
          'content-length': '0',
        },
        what: `move ${name} back`,
      }),
    remove: (name, probeTag) => removeObject(wire, name, probeTag),
  };
}

interface Wire {
  readonly http: HttpClient;
  readonly sessions: Sessions;
  readonly container: string;
  readonly pairId: string;
}

interface WireRequest extends Omit<HttpRequest, 'url' | 'what'> {
  /** Object; null addresses the container. */
  readonly name: string | null;
  /** With its `?`. */
  readonly query: string;
  readonly what: string;
}

async function send(wire: Wire, request: WireRequest): Promise<HttpResponse> {
  const session = await wire.sessions.current();
  const response = await sendAs(wire, session, request);
  if (response.status !== 401) return response;
  await response.discard();
  // Refused before anything was done, so even a write may be sent again.
  const renewed = await sendAs(wire, await wire.sessions.renewed(session), request);
  if (renewed.status === 401) throw await renewed.failure();
  return renewed;
}

function sendAs(wire: Wire, session: Session, request: WireRequest): Promise<HttpResponse> {
  const { name, query, ...rest } = request;
  const path = name === null ? '' : `/${encodePath(name)}`;
  return wire.http.request({
    ...rest,
    url: `${session.accountUrl}/${encodePath(wire.container)}${path}${query}`,
    headers: { ...request.headers, 'x-auth-token': session.token },
  });
}

async function failureOf(wire: Wire, response: HttpResponse): Promise<HoldfastError> {
  if (response.status !== 404) return response.failure();
  await response.discard();
  return containerMissing(wire.container);
}

export function containerMissing(container: string): HoldfastError {
  return new HoldfastError(
    'container-missing',
    `container ${container} does not exist; check its name, or restore it`,
  );
}

/** A protocol failure outside any one response. */
export function oddAnswer(container: string, what: string, problem: string): HoldfastError {
  return protocolFailure({ host: `container ${container}`, what }, problem);
}

async function headContainer(wire: Wire): Promise<ContainerHead | null> {
  const what = `look at container ${wire.container}`;
  const response = await send(wire, { method: 'HEAD', name: null, query: '', what });
  if (response.status === 404) {
    await response.discard();
    return null;
  }
  if (response.status !== 204 && response.status !== 200) throw await response.failure();
  await response.discard();
  const { headers } = response;
  const blockSize = headerNumber(headers, 'X-Container-Block-Size');
  const blockHash = headerText(headers, 'X-Container-Block-Hash');
  if (blockSize === null || blockSize === 0 || blockHash !== 'sha256') {
    throw oddAnswer(wire.container, what, 'it is no Pithos container with SHA-256 blocks');
  }
  return {
    identity: headerText(headers, CONTAINER_IDENTITY),
    generations: readGenerations((place) => headerText(headers, containerGeneration(wire.pairId, place))),
    blockSize,
    isVersioned: headerText(headers, 'X-Container-Policy-Versioning') === 'auto',
    objects: headerNumber(headers, 'X-Container-Object-Count') ?? 0,
    bytes: headerNumber(headers, 'X-Container-Bytes-Used') ?? 0,
    lastModified: headers['last-modified'] ?? '',
  };
}

async function createContainer(wire: Wire): Promise<void> {
  const what = `create container ${wire.container}`;
  const response = await send(wire, { method: 'PUT', name: null, query: '', what });
  if (response.status !== 201 && response.status !== 202) throw await response.failure();
  await response.discard();
}

async function setContainerHeaders(wire: Wire, headers: Readonly<Record<string, string>>): Promise<void> {
  const what = `set up container ${wire.container}`;
  const response = await send(wire, { method: 'POST', name: null, query: '?update', headers, what });
  if (response.status !== 202) throw await failureOf(wire, response);
  await response.discard();
}

async function listPage(
  wire: Wire,
  options: { after: string | null; prefix?: string; limit: number },
): Promise<readonly unknown[]> {
  const marker = options.after === null ? '' : `&marker=${encodeURIComponent(options.after)}`;
  const prefix = options.prefix === undefined ? '' : `&prefix=${encodeURIComponent(options.prefix)}`;
  const query = `?format=json&limit=${options.limit}${marker}${prefix}`;
  const what = `list container ${wire.container}`;
  const response = await send(wire, { method: 'GET', name: null, query, what });
  if (response.status !== 200) throw await failureOf(wire, response);
  const rows = await response.json();
  if (!Array.isArray(rows)) throw oddAnswer(wire.container, what, 'the listing is no array');
  return rows;
}

async function headObject(wire: Wire, name: string, version?: number): Promise<ObjectFacts | null> {
  const query = version === undefined ? '' : `?version=${version}`;
  const what = `look at ${name}`;
  const response = await send(wire, { method: 'HEAD', name, query, what });
  if (response.status === 404) {
    await response.discard();
    return null;
  }
  if (response.status !== 200) throw await response.failure();
  await response.discard();
  const facts = parseObjectFacts(response.headers, headerNumber(response.headers, 'Content-Length'));
  if (facts === null) throw oddAnswer(wire.container, what, 'hash, version or length is missing');
  return facts;
}

async function getHashmap(wire: Wire, name: string, version: number): Promise<Hashmap | null> {
  const what = `read the block list of ${name}`;
  const query = `?hashmap&format=json&version=${version}`;
  const response = await send(wire, { method: 'GET', name, query, what });
  if (response.status === 404) {
    await response.discard();
    return null;
  }
  if (response.status !== 200) throw await response.failure();
  const { bytes, hashes } = asRecord(await response.json());
  if (typeof bytes !== 'number' || !isTexts(hashes)) {
    throw oddAnswer(wire.container, what, 'the block list has another form');
  }
  return { bytes, hashes };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

async function getContent(
  wire: Wire,
  name: string,
  version: number,
  start: number,
  end: number,
): Promise<HttpResponse | null> {
  const headers: Record<string, string> = { range: `bytes=${start}-${end - 1}` };
  const request = { method: 'GET', name, query: `?version=${version}`, what: `read ${name}`, headers };
  const response = await send(wire, request);
  if (response.status === 404) {
    await response.discard();
    return null;
  }
  if (response.status !== 206) throw await response.failure();
  return response;
}

async function listVersions(wire: Wire, name: string): Promise<readonly VersionRow[]> {
  const what = `list the versions of ${name}`;
  const response = await send(wire, { method: 'GET', name, query: '?version=list&format=json', what });
  if (response.status === 404) {
    await response.discard();
    return [];
  }
  if (response.status !== 200) throw await response.failure();
  const { versions } = asRecord(await response.json());
  const rows = (Array.isArray(versions) ? versions : [null]).map(parseVersionRow);
  if (!rows.every((row) => row !== null)) {
    throw oddAnswer(wire.container, what, 'the version list has another form');
  }
  return rows.sort((a, b) => a.serial - b.serial);
}

function parseVersionRow(pair: unknown): VersionRow | null {
  if (!Array.isArray(pair) || typeof pair[0] !== 'number') return null;
  const writtenNs = parseDecimalSeconds(String(pair[1]));
  return writtenNs === null ? null : { serial: pair[0], writtenNs };
}

async function postBlocks(wire: Wire, blocks: Uint8Array): Promise<readonly string[]> {
  const what = `upload blocks to container ${wire.container}`;
  const response = await send(wire, {
    method: 'POST',
    name: null,
    query: '?update&format=json',
    // Any other type, even with a charset, makes the server drop the body with a 202.
    headers: { 'content-type': 'application/octet-stream' },
    body: blocks,
    // Blocks are content-addressed: storing one twice changes nothing.
    idempotent: true,
    what,
  });
  if (response.status !== 202) throw await failureOf(wire, response);
  const hashes = await response.json();
  if (!isTexts(hashes)) throw oddAnswer(wire.container, what, 'no block hashes came back');
  return hashes;
}

async function putHashmap(wire: Wire, name: string, put: HashmapPut): Promise<PutResult> {
  const what = `write ${name}`;
  const guard: Record<string, string> =
    'onlyIfTag' in put.guard ? { 'if-match': put.guard.onlyIfTag } : { 'if-none-match': '*' };
  const response = await send(wire, {
    method: 'PUT',
    name,
    query: '?hashmap&format=json',
    headers: { ...put.meta, ...guard, 'content-type': put.contentType },
    body: JSON.stringify(put.map),
    what,
  });
  if (response.status === 409) {
    const hashes = await response.json();
    if (!isTexts(hashes) || hashes.length === 0) {
      throw oddAnswer(wire.container, what, 'the missing blocks are not named');
    }
    return { result: 'missing', hashes };
  }
  if (response.status === 412) {
    await response.discard();
    return { result: 'refused' };
  }
  if (response.status !== 201) throw await failureOf(wire, response);
  await response.discard();
  const version = headerNumber(response.headers, 'X-Object-Version');
  if (version === null) throw oddAnswer(wire.container, what, 'no version came back');
  return { result: 'created', version };
}

async function transfer(wire: Wire, request: WireRequest): Promise<'moved' | 'refused' | 'missing'> {
  const response = await send(wire, request);
  if (response.status === 412) {
    await response.discard();
    return 'refused';
  }
  if (response.status === 404) {
    await response.discard();
    return 'missing';
  }
  if (response.status !== 201) throw await response.failure();
  // The version header of a MOVE is malformed (pithos-api section 4.5): callers look at the object instead.
  await response.discard();
  return 'moved';
}

async function removeObject(
  wire: Wire,
  name: string,
  probeTag?: string,
): Promise<'removed' | 'refused' | 'missing'> {
  const headers: Record<string, string> = probeTag === undefined ? {} : { 'if-match': probeTag };
  const response = await send(wire, { method: 'DELETE', name, query: '', headers, what: `delete ${name}` });
  if (response.status === 404 || response.status === 412) {
    await response.discard();
    return response.status === 404 ? 'missing' : 'refused';
  }
  if (response.status !== 204) throw await response.failure();
  await response.discard();
  return 'removed';
}
