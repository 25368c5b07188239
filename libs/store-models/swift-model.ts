/**
 * Swift model: one OpenStack Swift with auth v1 and object versioning, as a real one
 * was seen to answer. A write takes its stamp when it starts and is applied later, in steps of its
 * own; nothing is a lock. What no adapter sends is not modelled and throws.
 */

import type { RawStore } from '#libs/memory/raw-store.ts';
import { atOnce, type Step } from '#libs/memory/step.ts';
import type { Clock } from '#ports/clock.ts';
import { type Answer, type ModelRequest, type ModelServer, serverTurns } from './exchange.ts';
import {
  type Content,
  kindOf,
  type Manifest,
  md5Of,
  SwiftContainer,
  type Version,
} from './swift-container.ts';
import { limitOf, listContainer } from './swift-listing.ts';
import { notModelled, queryOf, readObject, status, versionAt } from './swift-reading.ts';

export interface SwiftModelOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Turns of the server's own work; a step that throws breaks the request, which is then answered 503. Default: at once. */
  readonly step?: Step;
  /** Milliseconds until a listing learns of the next change; default: none. */
  readonly lag?: () => number;
  /** Whether containers may have versions; default: offered. */
  readonly versioning?: 'offered' | 'refused';
  /** Whether `If-None-Match: *` of a write is looked at; default: checked. */
  readonly writeConditions?: 'checked' | 'ignored';
  /** Whether a list of segments becomes a static large object, or is content like any other; default: made. */
  readonly largeObjects?: 'made' | 'unknown';
}

export const SWIFT_AUTH_URL = 'http://swift.model/auth/v1.0';
export const SWIFT_CREDENTIALS = { user: 'model:user', key: 'model key' } as const;
const STORAGE_PATH = '/v1/AUTH_model';
const STORAGE_URL = `http://swift.model${STORAGE_PATH}`;
const TICKS_PER_SECOND = 100_000;
const TICKS_PER_MS = 100;
const OCTETS = 'application/octet-stream';
const MAX_NAME = 1024;
/** What the versions' own names take of that: two separators and a time. */
const VERSION_SUFFIX = 18;

/** A segment as a list of them names it. */
interface ListedSegment {
  /** Container and name, not encoded. */
  readonly path: string;
  readonly etag: string;
  readonly size_bytes: number;
}

/** A write under way. */
interface Writing {
  readonly container: SwiftContainer;
  readonly name: string;
  readonly stamp: string;
  readonly headers: ModelRequest['headers'];
}

export class SwiftModel implements ModelServer {
  readonly #options: Required<SwiftModelOptions>;
  readonly #turn: Step;
  readonly #containers = new Map<string, SwiftContainer>();
  readonly #tokens = new Set<string>();
  #logins = 0;
  #ticks = 0;

  constructor(options: SwiftModelOptions) {
    const defaults = {
      step: atOnce,
      lag: () => 0,
      versioning: 'offered',
      writeConditions: 'checked',
      largeObjects: 'made',
    } as const;
    this.#options = { ...defaults, ...options };
    this.#turn = serverTurns(this.#options.step);
  }

  subjectOf(path: string): string {
    const [, container, name] = splitPath(path) ?? [];
    return name ?? container ?? path;
  }

  handle(request: ModelRequest): Answer | Promise<Answer> {
    if (request.path === '/auth/v1.0') return this.#logIn(request.headers);
    if (!this.#tokens.has(request.headers['x-auth-token'] ?? '')) return status(401);
    const [account, containerName, name] = splitPath(request.path) ?? [];
    if (account === undefined || containerName === undefined) throw notModelled(request);
    return name === undefined
      ? this.#handleContainer(containerName, request)
      : this.#handleObject(containerName, name, request);
  }

  /** All tokens are forgotten: the next request of each client is answered 401. */
  expireTokens(): void {
    this.#tokens.clear();
  }

  /** Listings learn of every change so far. */
  settle(): void {
    for (const container of this.#containers.values()) {
      container.listing.settle();
      container.versionListing.settle();
    }
  }

  /** Past all adapters: makes a container. */
  createContainer(containerName: string, options: { versioned: boolean; identity?: string }): void {
    const container = this.#openContainer(containerName);
    container.isVersioned = options.versioned;
    if (options.identity !== undefined) container.meta.set('x-container-meta-holdfast-id', options.identity);
  }

  /** Past all adapters: removes a container with everything in it. */
  dropContainer(containerName: string): void {
    this.#containers.delete(containerName);
  }

  hasContainer(containerName: string): boolean {
    return this.#containers.has(containerName);
  }

  /** Segments that something readable in the container is made of and that are gone, or have an end. */
  unkeptSegments(containerName: string): readonly string[] {
    const named = this.#containers.get(containerName)?.segments() ?? [];
    return named.flatMap(({ container, name }) => {
      const found = this.#containers.get(container)?.current(name)?.version;
      return found === undefined || found.meta['x-delete-at'] !== undefined ? [name] : [];
    });
  }

  /** Raw access to one container, which must exist when it is used. */
  raw(containerName: string): RawStore {
    const container = (): SwiftContainer => {
      const found = this.#containers.get(containerName);
      if (found === undefined) throw new Error(`there is no container "${containerName}"`);
      return found;
    };
    const put = (name: string, bytes: Uint8Array, type: string, meta: Content['meta'] = {}): void => {
      this.#write(container(), name, this.#version(this.#stamp(), Uint8Array.from(bytes), type, meta));
    };
    return {
      put: (name, bytes) => put(name, bytes, OCTETS),
      putDirectory: (name) => put(name, new Uint8Array(), 'application/directory'),
      putUnhandled: (name) =>
        put(name, new Uint8Array(), OCTETS, { 'x-object-manifest': 'elsewhere/segments' }),
      remove: (name) => {
        const stamp = this.#stamp();
        if (container().isVersioned) {
          container().adopt(name);
          container().mark(name, stamp);
        }
        container().remove(name, stamp);
      },
      names: () => container().names(),
      contents: (name) => {
        const version = container().current(name)?.version;
        return version !== undefined && kindOf(version) === 'file' ? version.bytes : null;
      },
      history: (name) => container().history(name),
      namesEver: () => container().namesEver(),
      read: (name, id) => {
        const version = container().version(name, id);
        return version === null || version.isMarker ? null : version.bytes;
      },
      told: () => JSON.stringify([...container().meta]),
      tellAgain: (told) => {
        container().meta.clear();
        for (const [header, text] of JSON.parse(told)) container().meta.set(header, text);
      },
    };
  }

  #logIn(headers: ModelRequest['headers']): Answer {
    const { user, key } = SWIFT_CREDENTIALS;
    if (headers['x-auth-user'] !== user || headers['x-auth-key'] !== key) return status(401);
    this.#logins += 1;
    const token = `token-${this.#logins}`;
    this.#tokens.add(token);
    return status(200, { 'x-auth-token': token, 'x-storage-url': STORAGE_URL });
  }

  #handleContainer(containerName: string, request: ModelRequest): Answer {
    const { method, headers } = request;
    const container = this.#containers.get(containerName);
    if (method === 'PUT' || method === 'POST') {
      if (this.#options.versioning === 'refused' && headers['x-versions-enabled'] !== undefined) {
        return status(412);
      }
      if (container === undefined && method === 'POST') return status(404);
      setUp(this.#openContainer(containerName), headers);
      if (method === 'POST') return status(204);
      return status(container === undefined ? 201 : 202);
    }
    if (method === 'GET' && limitOf(queryOf(request)) === null) return status(412);
    if (container === undefined) return status(404);
    if (method === 'GET' || method === 'HEAD') return showContainer(container, request);
    if (method === 'DELETE') {
      if (container.listing.totals().rows + container.versionListing.totals().rows > 0) return status(409);
      this.#containers.delete(containerName);
      return status(204);
    }
    throw notModelled(request);
  }

  #handleObject(containerName: string, name: string, request: ModelRequest): Answer | Promise<Answer> {
    const { method } = request;
    const container = this.#containers.get(containerName);
    const version = queryOf(request).get('version-id');
    if (method === 'GET' || method === 'HEAD') {
      if (version !== null && container?.isVersioned === false) return status(400);
      return container === undefined ? status(404) : readObject(container, name, request);
    }
    if (method === 'COPY') return this.#copy(container, name, request);
    if (method === 'PUT' && version === null) {
      const isList =
        this.#options.largeObjects === 'made' && queryOf(request).get('multipart-manifest') === 'put';
      return isList
        ? this.#putLarge(container, name, request)
        : this.#startPut(container, name, request.headers, request.body);
    }
    if (method === 'POST' && version === null && container?.isVersioned === false)
      return status(container.retell(name, keptHeaders(request.headers, this.#now())) ? 202 : 404);
    if (method === 'DELETE') {
      if (container === undefined) return status(404);
      return version === null ? this.#delete(container, name) : this.#deleteVersion(container, name, version);
    }
    throw notModelled(request);
  }

  /** Takes the stamp; in a container without versions the objections are raised now too, before the body was read. */
  #startPut(
    container: SwiftContainer | undefined,
    name: string,
    headers: ModelRequest['headers'],
    body: () => Promise<Uint8Array>,
    manifest: Manifest | null = null,
  ): Answer | Promise<Answer> {
    const { 'if-none-match': ifNoneMatch, 'content-type': type = OCTETS } = headers;
    if (ifNoneMatch !== undefined && ifNoneMatch !== '*') return status(400);
    if (container === undefined) return status(404);
    const suffix = container.isVersioned ? VERSION_SUFFIX : 0;
    if (Buffer.byteLength(name) + suffix > MAX_NAME) return status(400);
    if (container.isVersioned) container.adopt(name);
    const writing: Writing = { container, name, stamp: this.#stamp(), headers };
    if (!container.isVersioned) {
      const objection = this.#objection(writing);
      if (objection !== null) return status(objection);
    }
    return this.#finishPut(writing, type, body, manifest);
  }

  /** The segments are looked at first; then the list of them is written like any other content. */
  async #putLarge(
    container: SwiftContainer | undefined,
    name: string,
    request: ModelRequest,
  ): Promise<Answer> {
    const rows = JSON.parse(Buffer.from(await request.body()).toString()) as readonly ListedSegment[];
    const { answered } = await this.#turn('swift.segments', name, () => {
      const large = this.#assemble(rows);
      if (large === null) return { answered: status(400) };
      const { etag, ...headers } = request.headers;
      if (etag !== undefined && etag !== large.manifest.tag) return { answered: status(422) };
      return {
        answered: inOtherStep(
          this.#startPut(container, name, headers, () => Promise.resolve(large.bytes), large.manifest),
        ),
      };
    });
    return answered;
  }

  /** @returns null where a segment is missing, empty or another one. */
  #assemble(
    rows: readonly ListedSegment[],
  ): (Pick<Content, 'bytes'> & { readonly manifest: Manifest }) | null {
    const found = rows.map(({ path, etag, size_bytes: size }) => {
      const [, container = '', ...rest] = path.split('/');
      const name = rest.join('/');
      const version = this.#containers.get(container)?.current(name)?.version;
      const isThere = version?.etag === etag && version.bytes.length === size && size > 0;
      return isThere ? { container, name, version } : null;
    });
    const segments = found.filter((one) => one !== null);
    if (segments.length < rows.length || segments.length === 0) return null;
    return {
      bytes: Buffer.concat(segments.map(({ version }) => version.bytes)),
      manifest: {
        tag: md5Of(Buffer.from(segments.map(({ version }) => version.etag).join(''))),
        segments: segments.map(({ container, name }) => ({ container, name })),
      },
    };
  }

  async #finishPut(
    writing: Writing,
    type: string,
    body: () => Promise<Uint8Array>,
    manifest: Manifest | null,
  ): Promise<Answer> {
    const { container, name, stamp, headers } = writing;
    const kept = keptHeaders(headers, this.#now());
    const version = this.#version(stamp, await body(), type, kept, manifest);
    const etag = manifest === null ? version.etag : `"${manifest.tag}"`;
    if (headers['etag'] !== undefined && headers['etag'] !== version.etag) return status(422);
    if (!container.isVersioned) {
      return this.#turn('swift.write', name, () => {
        container.writePlain(name, version);
        return status(201, { etag });
      });
    }
    const given = { etag, 'x-object-version-id': stamp };
    const objection = await this.#turn('swift.keep', name, () => {
      container.keep(name, version);
      return this.#objection(writing);
    });
    if (objection !== null) return status(objection, given);
    return this.#turn('swift.link', name, () => {
      container.link(name, version);
      return status(201, given);
    });
  }

  #objection({ container, name, stamp, headers }: Writing): 412 | 202 | null {
    const isCreateOnly = headers['if-none-match'] === '*' && this.#options.writeConditions === 'checked';
    return container.objection(name, stamp, isCreateOnly);
  }

  /** The source is read when the request arrives, then written like any other content; conditions are about the source. */
  #copy(source: SwiftContainer | undefined, name: string, request: ModelRequest): Answer | Promise<Answer> {
    const destination = request.headers['destination']?.split('/') ?? [];
    const target = this.#containers.get(decodeURIComponent(destination[0] ?? ''));
    const targetName = decodeURIComponent(destination.slice(1).join('/'));
    if (source === undefined) return status(404);
    const read = readObject(source, name, request);
    const found = versionAt(source, name, queryOf(request).get('version-id'));
    if (found === null || read.status >= 300) return read;
    const { 'if-none-match': _, 'x-fresh-metadata': fresh, ...rest } = request.headers;
    const isList = queryOf(request).get('multipart-manifest') === 'get';
    const kept = fresh === 'true' ? {} : found.meta;
    const headers = { ...kept, 'content-type': found.type, ...rest };
    return (async () => {
      const bytes = () => Promise.resolve(found.bytes);
      const { answered } = await this.#turn('swift.copy', targetName, () => ({
        answered: inOtherStep(
          this.#startPut(target, targetName, headers, bytes, isList ? found.manifest : null),
        ),
      }));
      return answered;
    })();
  }

  /** @returns the answer later: the marker is left before the name lets go. */
  #delete(container: SwiftContainer, name: string): Promise<Answer> {
    const stamp = this.#stamp();
    if (container.isVersioned) {
      container.adopt(name);
      container.mark(name, stamp);
    }
    return this.#turn('swift.delete', name, () => {
      const given = container.remove(name, stamp);
      return status(given, container.isVersioned && given !== 409 ? { 'x-object-version-id': stamp } : {});
    });
  }

  /** The current version takes its link along; whether it is current is looked at first. */
  #deleteVersion(container: SwiftContainer, name: string, id: string): Answer | Promise<Answer> {
    if (!container.isVersioned) return status(400);
    const stamp = this.#stamp();
    const isCurrent = container.linkedId(name) === id;
    return this.#turn('swift.forget', name, () => {
      if (isCurrent) container.remove(name, stamp);
      const wasThere = container.removeVersion(name, id, stamp);
      return status(wasThere ? 204 : 404, { 'x-object-version-id': id });
    });
  }

  #write(container: SwiftContainer, name: string, version: Version): void {
    if (!container.isVersioned) {
      container.writePlain(name, version);
      return;
    }
    container.adopt(name);
    container.keep(name, version);
    container.link(name, version);
  }

  #version(
    id: string,
    bytes: Uint8Array,
    type: string,
    meta: Content['meta'],
    manifest: Manifest | null = null,
  ): Version {
    // Lists of the same segments are the same list.
    const etag = md5Of(manifest === null ? bytes : Buffer.from(JSON.stringify(manifest)));
    return { id, bytes, etag, manifest, type, meta, isMarker: false };
  }

  #openContainer(containerName: string): SwiftContainer {
    const known = this.#containers.get(containerName);
    if (known !== undefined) return known;
    const { clock, lag } = this.#options;
    const container = new SwiftContainer({ now: () => clock.now(), lag });
    this.#containers.set(containerName, container);
    return container;
  }

  #now(): number {
    return this.#options.clock.now();
  }

  /** The start of a request; no two are alike. */
  #stamp(): string {
    this.#ticks = Math.max(Math.floor(this.#options.clock.now() * TICKS_PER_MS), this.#ticks + 1);
    const seconds = Math.floor(this.#ticks / TICKS_PER_SECOND);
    const fraction = this.#ticks % TICKS_PER_SECOND;
    return `${String(seconds).padStart(10, '0')}.${String(fraction).padStart(5, '0')}`;
  }
}

/** What goes on after a step that may fail by itself: then nobody hears how it ends. */
function inOtherStep(answered: Answer | Promise<Answer>): Answer | Promise<Answer> {
  if (answered instanceof Promise) answered.catch(() => undefined);
  return answered;
}

/** @returns account path, container and object, decoded; null outside the storage URL. */
function splitPath(path: string): [account: string, container?: string, name?: string] | null {
  if (!path.startsWith(STORAGE_PATH)) return null;
  const [, container, ...name] = path.slice(STORAGE_PATH.length).split('/');
  if (container === undefined || container === '') return [STORAGE_PATH];
  if (name.length === 0) return [STORAGE_PATH, decodeURIComponent(container)];
  return [STORAGE_PATH, decodeURIComponent(container), decodeURIComponent(name.join('/'))];
}

function setUp(container: SwiftContainer, headers: ModelRequest['headers']): void {
  if (headers['x-versions-enabled'] === 'true') container.isVersioned = true;
  for (const [key, value] of Object.entries(headers)) {
    if (key.startsWith('x-container-meta-') && value !== undefined) container.meta.set(key, value);
    if (key.startsWith('x-remove-container-meta-')) container.meta.delete(key.replace('x-remove-', 'x-'));
  }
}

function showContainer(container: SwiftContainer, request: ModelRequest): Answer {
  const objects = container.listing.totals();
  const headers: Record<string, string> = {
    'x-container-object-count': String(objects.rows),
    'x-container-bytes-used': String(objects.bytes + container.versionListing.totals().bytes),
    ...Object.fromEntries(container.meta),
    ...(container.isVersioned ? { 'x-versions-enabled': 'True' } : {}),
  };
  if (request.method === 'HEAD') return status(204, headers);
  const query = queryOf(request);
  const listed = listContainer(container, request.path, query);
  if (query.get('format') === 'json' || query.has('versions')) {
    return { status: 200, headers, body: Buffer.from(JSON.stringify(listed)) };
  }
  if (listed.length === 0) return status(204, headers);
  return { status: 200, headers, body: Buffer.from(listed.map((row) => `${row.name}\n`).join('')) };
}

/** Headers of a PUT or POST that Swift keeps with the object. @param now milliseconds since the epoch. */
function keptHeaders(headers: ModelRequest['headers'], now: number): Content['meta'] {
  const kept: Record<string, string> = {};
  for (const [key, value] of Object.entries(headers)) {
    const isKept = key.startsWith('x-object-meta-') || key === 'x-object-manifest';
    if (isKept && value !== undefined) kept[key] = value;
  }
  const lifeS = headers['x-delete-after'];
  if (lifeS !== undefined) kept['x-delete-at'] = String(Math.floor(now / 1_000) + Number(lifeS));
  return kept;
}
