/**
 * Memory store: a container held in this process, honest about every promise of the port.
 * Each request is one step, so its guards are truly atomic, and every version is kept.
 * The container outlives the stores opened on it.
 */
import { createHash } from 'node:crypto';
import {
  formatGeneration,
  GENERATION_PLACES,
  type Generation,
  generationPlace,
  readGenerations,
} from '#core/generation.ts';
import { compareNames, type Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import { ABSENT, type RemoteState, sameRemoteContent } from '#core/state.ts';
import { networkFailure } from '#libs/http/classify.ts';
import type { Clock } from '#ports/clock.ts';
import type { CommitOrder, CommitOutcome, RecoveryPointer } from '#ports/commit.ts';
import { NOTHING_DISPLACED } from '#ports/commit.ts';
import { type Staged, type StagedFile, type StageOutcome, StaleContent } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { ContainerFacts, ListPage, ObjectStore, StoreCapabilities, Twin } from '#ports/object-store.ts';
import type { RawStore, Recorded } from './raw-store.ts';
import { atOnce, type Step } from './step.ts';

const CHUNK_BYTES = 1024 * 1024;

type Body =
  | { readonly kind: 'file'; readonly bytes: Uint8Array }
  | { readonly kind: 'directory' | 'unhandled' | 'absent' };

interface Attributes {
  readonly mtimeNs: bigint | null;
  readonly mode: number | null;
}

interface Version extends Attributes {
  /** Serial of the order that wrote it; null for what others wrote. */
  readonly order: Serial | null;
  readonly id: string;
  readonly writtenAt: Date;
  readonly body: Body;
  readonly state: RemoteState;
}

const NO_ATTRIBUTES: Attributes = { mtimeNs: null, mode: null };

/** The container itself, with the raw access that another client of the store would have. */
export class MemoryContainer implements RawStore {
  readonly #clock: Pick<Clock, 'now'>;
  #versions = new Map<string, Version[]>();
  #writes = 0;
  #exists = true;
  #made = 1;
  identity: string | null = null;
  /** What pairs told the container last, by pair and place. */
  readonly generations = new Map<string, string>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  get exists(): boolean {
    return this.#exists;
  }

  /** Grows with every write; never returns to an earlier value. */
  get writes(): number {
    return this.#writes;
  }

  /** Another one for each container made under this name. */
  get createdAt(): string {
    return `container ${this.#made}`;
  }

  /** Removes the container with everything in it, all versions too. */
  drop(): void {
    this.#exists = false;
    this.#made += 1;
    this.identity = null;
    this.generations.clear();
    this.#versions = new Map();
  }

  create(): void {
    this.#exists = true;
  }

  /** Writes without any precondition. @returns the new version. */
  write(
    rawName: string,
    body: Body,
    { mtimeNs, mode }: Attributes = NO_ATTRIBUTES,
    order: Serial | null = null,
  ): Version {
    this.#writes += 1;
    const writtenAt = new Date(this.#clock.now());
    const id = `v${this.#writes}`;
    const state = stateOf(body, id, mtimeNs ?? BigInt(writtenAt.getTime()) * 1_000_000n);
    const version = { mtimeNs, mode, order, id, writtenAt, body, state };
    this.#versions.set(rawName, [version, ...(this.#versions.get(rawName) ?? [])]);
    return version;
  }

  /** The current version; null when the name is absent. */
  current(rawName: string): Version | null {
    const newest = this.#versions.get(rawName)?.[0];
    return newest === undefined || newest.body.kind === 'absent' ? null : newest;
  }

  put(rawName: string, bytes: Uint8Array): void {
    this.write(rawName, { kind: 'file', bytes: Uint8Array.from(bytes) });
  }

  putDirectory(rawName: string): void {
    this.write(rawName, { kind: 'directory' });
  }

  putUnhandled(rawName: string): void {
    this.write(rawName, { kind: 'unhandled' });
  }

  remove(rawName: string): void {
    this.write(rawName, { kind: 'absent' });
  }

  contents(rawName: string): Uint8Array | null {
    return bytesOf(this.current(rawName));
  }

  read(rawName: string, id: string): Uint8Array | null {
    return bytesOf(this.version(rawName, id));
  }

  history(rawName: string): Recorded[] {
    return (this.#versions.get(rawName) ?? []).toReversed().flatMap(({ id, body }) => {
      if (body.kind === 'absent') return [];
      const bytes = body.kind === 'file' ? body.bytes : NO_BYTES;
      return [{ name: rawName, id, kind: body.kind, bytes, wasCurrent: true, isReachable: true }];
    });
  }

  told(): string {
    return JSON.stringify([...this.generations]);
  }

  tellAgain(told: string): void {
    this.generations.clear();
    for (const [key, generation] of JSON.parse(told)) this.generations.set(key, generation);
  }

  namesEver(): string[] {
    return [...this.#versions.keys()].sort(compareNames);
  }

  version(rawName: string, id: string): Version | null {
    return this.#versions.get(rawName)?.find((version) => version.id === id) ?? null;
  }

  /** Newest version, at any time, that held exactly this content. */
  versionWith(rawName: string, state: RemoteState): Version | null {
    return this.#versions.get(rawName)?.find((version) => sameRemoteContent(version.state, state)) ?? null;
  }

  /** Current names in order of UTF-8 bytes. */
  names(): string[] {
    return this.namesEver().filter((name) => this.current(name) !== null);
  }
}

const NO_BYTES = new Uint8Array();

function bytesOf(version: Version | null): Uint8Array | null {
  return version?.body.kind === 'file' ? version.body.bytes : null;
}

function stateOf(body: Body, version: string, mtimeNs: bigint): RemoteState {
  if (body.kind === 'absent') return { kind: 'absent' };
  if (body.kind !== 'file') return { kind: body.kind, version };
  const hash = createHash('md5').update(body.bytes).digest('hex');
  return { kind: 'file', size: body.bytes.length, hash, version, mtimeNs };
}

export function createMemoryContainer(clock: Pick<Clock, 'now'>): MemoryContainer {
  return new MemoryContainer(clock);
}

const CAPABILITIES: StoreCapabilities = {
  createOnly: 'enforced',
  replaceIf: 'enforced',
  deleteIf: 'enforced',
  versions: true,
  listingLags: false,
  listsDigests: true,
  serverSideCopy: true,
  copyCreateOnly: 'enforced',
  resumesUploads: false,
  guardsLarge: true,
  unprotectedWindow: false,
  maxObjectBytes: Number.MAX_SAFE_INTEGER,
  blockSize: null,
};

/**
 * A store on a container; any number may be open on one.
 * @param step turns of the process that uses it; what it throws is taken for a broken connection.
 * @param pairId under which it tells the container generations.
 */
export function openMemoryStore(
  container: MemoryContainer,
  step: Step = atOnce,
  pairId = 'pair',
): ObjectStore {
  return new MemoryStore(container, step, pairId);
}

/** What a commit did to the name. */
type Committed = { readonly state: RemoteState } | { readonly found: RemoteState };

class MemoryStore implements ObjectStore {
  readonly capabilities = CAPABILITIES;
  readonly digest = { algorithm: 'md5' } as const;
  readonly #container: MemoryContainer;
  readonly #step: Step;
  readonly #pairId: string;

  constructor(container: MemoryContainer, step: Step, pairId: string) {
    this.#container = container;
    this.#step = step;
    this.#pairId = pairId;
  }

  attach(options: { create: boolean; identity: string }): Promise<ContainerFacts> {
    return this.#request('http.POST', 'container', () => {
      if (!this.#container.exists && options.create) this.#container.create();
      this.#requireContainer();
      this.#container.identity ??= options.identity;
      return this.#facts();
    });
  }

  container(): Promise<ContainerFacts> {
    return this.#request('http.HEAD', 'container', () => this.#facts());
  }

  detach(): Promise<void> {
    return this.#request('http.POST', 'container', () => {
      for (const place of GENERATION_PLACES) this.#container.generations.delete(`${this.#pairId} ${place}`);
    });
  }

  tell(generation: Generation): Promise<boolean> {
    return this.#request('http.POST', 'container', () => {
      this.#requireContainer();
      const key = `${this.#pairId} ${generationPlace(generation)}`;
      this.#container.generations.set(key, formatGeneration(generation));
      return true;
    });
  }

  list(after: string | null, limit: number): Promise<ListPage> {
    return this.#request('http.GET', 'container', () => {
      this.#requireContainer();
      const names = this.#container
        .names()
        .filter((name) => after === null || compareNames(name, after) > 0)
        .slice(0, limit + 1);
      const page = names.slice(0, limit);
      return {
        objects: page.map((rawName) => ({ rawName, state: this.#stateAt(rawName) })),
        next: names.length > limit ? (page.at(-1) ?? null) : null,
      };
    });
  }

  probe(name: Name, identity: string | null): Promise<RemoteState> {
    return this.#request('http.HEAD', name, () => {
      this.#requireContainer();
      if (identity !== null && this.#container.identity !== identity) {
        throw new HoldfastError('container-replaced', 'the container is not the one the pair was made with');
      }
      return this.#stateAt(name);
    });
  }

  async stage(name: Name, expected: RemoteState): Promise<StageOutcome> {
    if (expected.kind === 'directory') {
      const current = await this.#request('http.HEAD', name, () => this.#container.current(name));
      const { mtimeNs, mode } = current?.body.kind === 'directory' ? current : NO_ATTRIBUTES;
      return {
        result: 'staged',
        content: { kind: 'directory', mtimeNs, mode, release: () => Promise.resolve() },
      };
    }
    if (expected.kind !== 'file') return { result: 'stale', reason: `${expected.kind} has no content` };
    const version = await this.#request('http.HEAD', name, () => this.#pinned(name, expected));
    if (version === null) return { result: 'stale', reason: 'the object was replaced or removed' };
    return { result: 'staged', content: this.#stagedFile(name, expected, version) };
  }

  async pull(
    name: Name,
    content: Staged,
    order: CommitOrder<RemoteState>,
    twin?: Twin,
  ): Promise<CommitOutcome<RemoteState>> {
    let body: Body = { kind: 'directory' };
    if (content.kind === 'file') {
      try {
        body = { kind: 'file', bytes: await collect(content) };
      } catch (thrown) {
        if (!(thrown instanceof StaleContent)) throw thrown;
        return { result: 'stale', reason: thrown.message, ...NOTHING_DISPLACED };
      }
    }
    const wanted = stateOf(body, '', 0n);
    await this.#keepFirst(name, order, wanted);
    const committed = await this.#request('http.PUT', name, () =>
      this.#replace(name, order.expected, wanted, () =>
        this.#container.write(name, body, content, order.serial),
      ),
    );
    const outcome = await this.#outcome(name, order, committed);
    const isCopied = outcome.result === 'applied' && twin !== undefined && this.#holds(twin, wanted);
    return isCopied ? { ...outcome, copiedFrom: twin.name } : outcome;
  }

  /** Whether the bytes need not have travelled. */
  #holds({ name, version, size, hash }: Twin, wanted: RemoteState): boolean {
    const state = { kind: 'file', size, hash, version, mtimeNs: null } as const;
    return size > 0 && sameRemoteContent(state, wanted) && this.#pinned(name, state) !== null;
  }

  /** What loses is copied before it is replaced: nobody may come back to do so once the source has moved on. */
  async #keepFirst(name: Name, order: CommitOrder<RemoteState>, wanted: RemoteState): Promise<void> {
    if (order.displaced !== 'conflict-copy' || order.expected.kind !== 'file') return;
    const found = await this.#request('http.HEAD', name, () => this.#container.current(name));
    if (found === null || !sameRemoteContent(found.state, order.expected)) return;
    if (!sameRemoteContent(found.state, wanted)) await this.#keepBeside(found, order);
  }

  async remove(name: Name, order: CommitOrder<RemoteState>): Promise<CommitOutcome<RemoteState>> {
    const committed = await this.#request('http.DELETE', name, () =>
      this.#replace(name, order.expected, ABSENT, () => this.#container.remove(name)),
    );
    return this.#outcome(name, order, committed);
  }

  async giveUp(
    name: Name,
    action: 'pull' | 'remove',
    order: CommitOrder<RemoteState>,
  ): Promise<CommitOutcome<RemoteState>> {
    const there = await this.#request('http.HEAD', name, () => this.#container.current(name));
    const stands = action === 'remove' ? there === null : there?.order === order.serial;
    const state = there?.state ?? ABSENT;
    return this.#outcome(name, order, stands ? { state } : { found: state });
  }

  async dropLeftUploads(): Promise<void> {}

  async close(): Promise<void> {}

  /** One request: one step. */
  async #request<Result>(verb: string, subject: string, effect: () => Result): Promise<Result> {
    try {
      return await this.#step(verb, subject, effect);
    } catch (thrown) {
      throw networkFailure({ host: 'memory', what: `${verb} ${subject}` }, thrown);
    }
  }

  #facts(): ContainerFacts {
    this.#requireContainer();
    const states = this.#container.names().map((name) => this.#stateAt(name));
    return {
      identity: this.#container.identity,
      createdAt: this.#container.createdAt,
      generations: readGenerations((place) => this.#container.generations.get(`${this.#pairId} ${place}`)),
      fingerprint: String(this.#container.writes),
      objects: states.length,
      bytes: states.reduce((sum, state) => sum + (state.kind === 'file' ? state.size : 0), 0),
    };
  }

  /** Writes if the name holds what is expected, or else already what is wanted. */
  #replace(name: Name, expected: RemoteState, wanted: RemoteState, write: () => void): Committed {
    this.#requireContainer();
    const found = this.#stateAt(name);
    if (!sameRemoteContent(found, wanted)) {
      if (!sameRemoteContent(found, expected)) return { found };
      write();
    }
    return { state: this.#stateAt(name) };
  }

  #requireContainer(): void {
    if (!this.#container.exists) throw new HoldfastError('container-missing', 'the container does not exist');
  }

  #stateAt(rawName: string): RemoteState {
    return this.#container.current(rawName)?.state ?? { kind: 'absent' };
  }

  /** The version that `expected` names, else the current one if it has that content. */
  #pinned(name: Name, expected: RemoteState & { kind: 'file' }): Version | null {
    const version =
      expected.version === null
        ? this.#container.current(name)
        : this.#container.version(name, expected.version);
    return version !== null && sameRemoteContent(version.state, expected) ? version : null;
  }

  #stagedFile(name: Name, expected: RemoteState & { kind: 'file' }, version: Version): StagedFile {
    const pinned = () => this.#request('http.GET', name, () => this.#pinned(name, expected));
    return {
      kind: 'file',
      size: expected.size,
      hash: expected.hash,
      digest: this.digest,
      mtimeNs: expected.mtimeNs ?? version.mtimeNs,
      mode: version.mode,
      async *read(start = 0, end = expected.size) {
        const now = await pinned();
        if (now?.body.kind !== 'file') throw new StaleContent('the object was replaced or removed');
        for (let at = start; at < end; at += CHUNK_BYTES) {
          yield now.body.bytes.subarray(at, Math.min(at + CHUNK_BYTES, end));
        }
      },
      release: () => Promise.resolve(),
    };
  }

  /** What a commit reports that happened, now or at an earlier attempt; the base that lost is kept in a request of its own. */
  async #outcome(
    name: Name,
    order: CommitOrder<RemoteState>,
    committed: Committed,
  ): Promise<CommitOutcome<RemoteState>> {
    if (!('state' in committed)) return stale(committed.found, order.expected);
    const { state } = committed;
    const base = this.#base(name, order.expected);
    const displacing = base !== null && !sameRemoteContent(base.state, state);
    const conflictCopies =
      displacing && order.displaced === 'conflict-copy' ? [await this.#keepBeside(base, order)] : [];
    return {
      result: 'applied',
      state,
      hash: state.kind === 'file' ? state.hash : null,
      madeDirectories: [],
      conflictCopies,
      recovery: displacing ? pointerTo(base) : null,
    };
  }

  #base(name: Name, expected: RemoteState): Version | null {
    if (expected.kind !== 'file') return null;
    const known = expected.version === null ? null : this.#container.version(name, expected.version);
    return known ?? this.#container.versionWith(name, expected);
  }

  async #keepBeside(base: Version, order: CommitOrder<RemoteState>): Promise<Name> {
    for (let attempt = 0; ; attempt += 1) {
      const name = order.conflictName(base.writtenAt, attempt);
      const isKept = await this.#request('http.COPY', name, () => {
        const there = this.#stateAt(name);
        if (there.kind === 'absent') this.#container.write(name, base.body, base);
        return there.kind === 'absent' || sameRemoteContent(there, base.state);
      });
      if (isKept) return name;
    }
  }
}

function stale(current: RemoteState, expected: RemoteState): CommitOutcome<RemoteState> {
  const reason = `expected ${expected.kind} in the container, found ${current.kind === expected.kind ? 'another' : ''} ${current.kind}`;
  return { result: 'stale', reason: reason.replace('  ', ' '), ...NOTHING_DISPLACED };
}

function pointerTo(version: Version): RecoveryPointer | null {
  if (version.state.kind !== 'file') return null;
  return { kind: 'version', locator: version.id, size: version.state.size, hash: version.state.hash };
}

async function collect(content: StagedFile): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.read()) chunks.push(chunk.slice());
  const bytes = Buffer.concat(chunks);
  const hash = createHash('md5').update(bytes).digest('hex');
  if (bytes.length !== content.size || (content.hash !== null && content.hash !== hash)) {
    throw new HoldfastError('content-mismatch', 'the staged content is not what its source promised');
  }
  return bytes;
}
