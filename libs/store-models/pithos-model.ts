/**
 * Pithos model: the handlers of the development server over tables in memory. A precondition is
 * looked at when the request arrives and the write is a later step of the server's own, as on the
 * real one, where the lock is taken only when the write begins.
 */

import type { RawStore, Recorded } from '#libs/memory/raw-store.ts';
import { atOnce, type Step } from '#libs/memory/step.ts';
import { Identity } from '#libs/pithos-server/auth.ts';
import type { Container, Versioning } from '#libs/pithos-server/container.ts';
import { type DirectWrite, putDirectly } from '#libs/pithos-server/control.ts';
import { Fault } from '#libs/pithos-server/fault.ts';
import { blockCount } from '#libs/pithos-server/hash.ts';
import { joinPithos, type Pithos, requireContainer, type Turns } from '#libs/pithos-server/pithos.ts';
import type { Reply } from '#libs/pithos-server/request.ts';
import {
  describe,
  failureReply,
  handle,
  IDENTITY_PATH,
  type Incoming,
  STORAGE_PATH,
  withLength,
} from '#libs/pithos-server/service.ts';
import { CLUSTER } from '#libs/pithos-server/tables.ts';
import type { Meta, Version } from '#libs/pithos-server/version-store.ts';
import { encodeResponseHeader } from '#libs/pithos-server/wire-text.ts';
import type { Clock } from '#ports/clock.ts';
import { type Answer, collect, type ModelRequest, type ModelServer, serverTurns } from './exchange.ts';
import { createPithosTables, type PithosTables } from './pithos-tables.ts';

export interface PithosModelOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Turns of the server's own work; a step that throws breaks the request, which is then answered 503. Default: at once. */
  readonly step?: Step;
  /** Bytes; default 4 MiB. */
  readonly blockSize?: number;
}

const ORIGIN = 'http://pithos.model';
export const PITHOS_AUTH_URL = `${ORIGIN}${IDENTITY_PATH}`;
export const PITHOS_TOKEN = 'model-token';
const USER = 'model-user';
const BLOCK_SIZE = 4 * 1024 * 1024;
const MICROS_PER_MS = 1000;
/** Longer than any run. */
const TOKEN_SECONDS = 3_000_000_000;

export class PithosModel implements ModelServer {
  readonly #tables: PithosTables;
  readonly #pithos: Pithos;
  readonly #identity: Identity;

  constructor(options: PithosModelOptions) {
    const { clock, step = atOnce, blockSize = BLOCK_SIZE } = options;
    const micros = () => Math.floor(clock.now() * MICROS_PER_MS);
    let uuids = 0;
    this.#tables = createPithosTables();
    this.#pithos = joinPithos({
      tables: this.#tables,
      turns: turnsOf(serverTurns(step)),
      blockSize,
      clock: micros,
      newUuid: () => `uuid-${++uuids}`,
    });
    this.#identity = new Identity([], micros);
    this.#identity.renew(USER, PITHOS_TOKEN, TOKEN_SECONDS);
  }

  subjectOf(path: string): string {
    const [, container, ...name] = path.slice(STORAGE_PATH.length + 1).split('/');
    return decodeURIComponent((name.length > 0 ? name.join('/') : container) ?? path);
  }

  handle(request: ModelRequest): Answer | Promise<Answer> {
    const incoming = incomingOf(request);
    try {
      const info = describe(incoming);
      const service = { pithos: this.#pithos, identity: this.#identity, publicUrl: ORIGIN + STORAGE_PATH };
      const isContent = info.kind === 'object.get-data';
      const reply = handle(service, incoming, info);
      return reply instanceof Promise
        ? reply.catch(refusal).then((late) => answerTo(late, isContent))
        : answerTo(reply, isContent);
    } catch (thrown) {
      return answerTo(refusal(thrown), false);
    }
  }

  /** Past all adapters: makes a container. */
  createContainer(containerName: string, options: { versioning?: Versioning; identity?: string } = {}): void {
    const policy = { versioning: options.versioning ?? 'auto', quota: 0, project: USER };
    const { identity } = options;
    const meta: Meta = identity === undefined ? {} : { 'X-Container-Meta-Holdfast-Id': identity };
    this.#tables.containers.create(USER, containerName, policy, meta, this.#pithos.clock());
  }

  /** Past all adapters: removes a container with everything in it. */
  dropContainer(containerName: string): void {
    const container = this.#tables.containers.find(USER, containerName);
    if (container !== undefined) this.#tables.containers.remove(container.id);
  }

  hasContainer(containerName: string): boolean {
    return this.#tables.containers.find(USER, containerName) !== undefined;
  }

  /** Raw access to one container, which must exist when it is used. */
  raw(containerName: string): RawStore {
    const container = (): Container => requireContainer(this.#pithos, USER, containerName);
    const put = (path: string, bytes: Uint8Array, how: DirectWrite): void =>
      void putDirectly(this.#pithos, { account: USER, container: containerName, path }, bytes, how);
    const current = (name: string): Version | undefined =>
      this.#pithos.versions.current(container().id, name);
    const fileBytes = (version: Version | undefined): Uint8Array | null =>
      version !== undefined && kindOf(version) === 'file' ? this.#bytesOf(version) : null;
    return {
      put: (name, bytes) => put(name, bytes, {}),
      putDirectory: (name) => put(name, new Uint8Array(), { contentType: 'application/directory' }),
      putUnhandled: (name) =>
        put(name, new Uint8Array(), { meta: { 'X-Object-Manifest': 'elsewhere/segments' } }),
      remove: (name) => void this.#pithos.versions.remove(container(), name, USER, this.#pithos.clock()),
      names: () => this.#pithos.versions.pathsUnder(container().id, ''),
      contents: (name) => fileBytes(current(name)),
      history: (name) => this.#history(container().id, name),
      namesEver: () => this.#tables.pathsEver(container().id),
      read: (name, id) => fileBytes(this.#pithos.versions.bySerial(container().id, name, Number(id))),
      told: () => container().meta,
      tellAgain: (told) =>
        this.#tables.containers.setMeta(container().id, JSON.parse(told), this.#pithos.clock()),
    };
  }

  #history(container: number, name: string): Recorded[] {
    return this.#tables.everOf(container, name).flatMap((version) => {
      if (version.cluster === CLUSTER.deleted) return [];
      const { serial } = version;
      const isReachable = this.#pithos.versions.bySerial(container, name, serial) !== undefined;
      const kind = kindOf(version);
      return [
        { name, id: String(serial), kind, bytes: this.#bytesOf(version), wasCurrent: true, isReachable },
      ];
    });
  }

  #bytesOf(version: Version): Uint8Array {
    const { blockSize, versions, blocks } = this.#pithos;
    const leaves = versions.loadMap(version.hash, blockCount(version.bytes, blockSize));
    const parts = leaves.map((leaf, index) => {
      const length = Math.min(blockSize, version.bytes - index * blockSize);
      const block = blocks.get(leaf, length);
      if (block === undefined) throw new Error(`block ${leaf} of ${version.path} is missing`);
      return block;
    });
    return Buffer.concat(parts);
  }
}

/** One step for each commit; a refusal is a result of it, not its failure. */
function turnsOf(step: Step): Turns {
  return async (info, _containers, work) => {
    const done = await step('pithos.commit', info.object === '' ? info.container : info.object, () => {
      try {
        return { value: work() };
      } catch (thrown) {
        if (thrown instanceof Fault) return { fault: thrown };
        throw thrown;
      }
    });
    if (done.fault !== undefined) throw done.fault;
    return done.value;
  };
}

function incomingOf(request: ModelRequest): Incoming {
  const { method, path, query, headers } = request;
  const rawHeaders = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [name, value],
  );
  return { method, path, query, rawHeaders, headers, body: bodyOf(request) };
}

async function* bodyOf(request: ModelRequest): AsyncGenerator<Uint8Array> {
  yield await request.body();
}

function refusal(thrown: unknown): Reply {
  if (thrown instanceof Fault) return failureReply(thrown);
  throw thrown;
}

function answerTo(reply: Reply, isContent: boolean): Answer | Promise<Answer> {
  const { status, headers: given, body } = withLength(reply);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const [encodedName, encoded] = encodeResponseHeader(name, value);
    headers[encodedName.toLowerCase()] = encoded;
  }
  if (body === undefined) return { status, headers };
  if (typeof body === 'string') return { status, headers, body: Buffer.from(body) };
  if (body instanceof Uint8Array) return { status, headers, body, isContent };
  return collect(body).then((whole) => ({ status, headers, body: whole, isContent }));
}

function kindOf(version: Version): Recorded['kind'] {
  if (version.meta.includes('X-Object-Manifest')) return 'unhandled';
  return version.type === 'application/directory' && version.bytes === 0 ? 'directory' : 'file';
}
