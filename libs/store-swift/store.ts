/**
 * Swift store: the object store port on one container of OpenStack Swift. Versioning is what
 * makes it safe, as Swift has neither lock nor compare-and-set; an operator may refuse it and
 * the capabilities then own up to the unprotected window.
 */
import { formatGeneration, GENERATION_PLACES, type Generation, generationPlace } from '#core/generation.ts';
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import type { Turns } from '#core/turns.ts';
import { PART_SIZES, type PartSizes } from '#libs/digest/parts.ts';
import type { HttpClient } from '#libs/http/client.ts';
import type { Clock } from '#ports/clock.ts';
import type { Staged, StageOutcome } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { ContainerFacts, ListPage, ObjectStore, StoreCapabilities, Twin } from '#ports/object-store.ts';
import { probeCapabilities, UNPROBED } from './capabilities.ts';
import { type Client, openClient } from './client.ts';
import { pull } from './commit.ts';
import type { CommitContext, Order, Outcome } from './commit-context.ts';
import { stageDownload } from './download.ts';
import { giveUp } from './give-up.ts';
import { type ContainerHead, META_IDENTITY, metaGeneration, stateOf } from './heads.ts';
import { listPage, ManifestMemory } from './listing.ts';
import { remove } from './removal.ts';
import { type Login, openSession } from './session.ts';
import { SharedListing } from './shared-listing.ts';
import { MAX_WHOLE_BYTES } from './upload.ts';

export interface SwiftStoreOptions {
  /** May be that of other stores, too. */
  readonly login: Login;
  readonly container: string;
  /** Names what this pair tells the container. */
  readonly pairId: string;
  /** Owned by the caller, who may share it among stores and closes it. */
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Found by an earlier attach; without them nothing but `attach` may be called. */
  readonly capabilities?: StoreCapabilities;
  /** For parts of large content; shared by all stores of a process, whose memory they bound. */
  readonly turns: Turns;
  /** Other than those of real use only in tests. */
  readonly sizes?: PartSizes;
}

export function openSwiftStore(options: SwiftStoreOptions): ObjectStore {
  return new SwiftStore(options);
}

class SwiftStore implements ObjectStore {
  readonly digest = { algorithm: 'md5' } as const;
  readonly #client: Client;
  readonly #histories: SharedListing;
  readonly #objects: SharedListing;
  readonly #pairId: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #turns: Turns;
  readonly #sizes: PartSizes;
  readonly #manifests = new ManifestMemory();
  #capabilities: StoreCapabilities;

  constructor(options: SwiftStoreOptions) {
    this.#client = openClient(openSession(options.http, options.login), options.container, options.pairId);
    this.#pairId = options.pairId;
    this.#histories = new SharedListing(this.#client, { versions: '' });
    this.#objects = new SharedListing(this.#client, {});
    this.#clock = options.clock;
    this.#log = options.log;
    this.#turns = options.turns;
    this.#sizes = options.sizes ?? PART_SIZES;
    // What an earlier version found says nothing of manifests: such a store gets none.
    this.#capabilities = { ...UNPROBED, ...options.capabilities };
  }

  get capabilities(): StoreCapabilities {
    return this.#capabilities;
  }

  async attach(options: { create: boolean; versioning: boolean; identity: string }): Promise<ContainerFacts> {
    let head = await this.#containerOrNull();
    if (head === null) {
      if (!options.create) await this.#client.container('newest');
      await this.#create(options.versioning);
      head = await this.#client.container('newest');
    }
    if (options.versioning && !head.versioned) {
      const status = await this.#client.setContainer('POST', { 'x-versions-enabled': 'true' });
      if (status >= 300) this.#log.warn({ status }, 'the store refuses versioning');
    }
    if (head.identity === null) {
      const status = await this.#client.setContainer('POST', { [META_IDENTITY]: options.identity });
      if (status >= 300)
        throw new HoldfastError('store-refused', `the container takes no metadata (${status})`);
    }
    head = await this.#client.container('newest');
    this.#capabilities = await probeCapabilities(this.#client, this.#clock, head.versioned);
    if (this.#capabilities.resumesUploads) await this.#makeSegments();
    return this.container('newest');
  }

  async container(ask?: 'newest'): Promise<ContainerFacts> {
    const { identity, createdAt, generations, objects, bytes } = await this.#client.container(ask);
    return { identity, createdAt, generations, fingerprint: `${objects}:${bytes}`, objects, bytes };
  }

  async detach(): Promise<void> {
    const gone = GENERATION_PLACES.map((place) => metaGeneration(this.#pairId, place).slice('x-'.length));
    const removed = Object.fromEntries(gone.map((key) => [`x-remove-${key}`, 'x']));
    const status = await this.#client.setContainer('POST', removed);
    if (status >= 300 && status !== 404) this.#log.warn({ status }, 'the container kept metadata of a pair');
  }

  async tell(generation: Generation): Promise<boolean> {
    const told = {
      [metaGeneration(this.#pairId, generationPlace(generation))]: formatGeneration(generation),
    };
    const status = await this.#client.setContainer('POST', told);
    if (status < 300) return true;
    if (status !== 400 && status !== 403) {
      throw new HoldfastError('store-unavailable', `the container takes no metadata now (${status})`);
    }
    this.#log.warn({ status }, 'the container takes no more metadata');
    return false;
  }

  list(after: string | null, limit: number): Promise<ListPage> {
    return listPage(this.#client, this.#manifests, after, limit);
  }

  async probe(name: Name, identity: string | null): Promise<RemoteState> {
    const head = await this.#client.head(name);
    if (head === null) await this.#checkContainer(identity);
    return stateOf(head);
  }

  async stage(name: Name, expected: RemoteState): Promise<StageOutcome> {
    if (expected.kind === 'file') {
      return { result: 'staged', content: stageDownload(this.#client, name, expected) };
    }
    if (expected.kind !== 'directory') return { result: 'stale', reason: `${expected.kind} has no content` };
    // An implied directory has no object; then only its existence is synced.
    const head = await this.#client.head(name);
    const { mtimeNs, mode } = head?.kind === 'directory' ? head : { mtimeNs: null, mode: null };
    return {
      result: 'staged',
      content: { kind: 'directory', mtimeNs, mode, release: () => Promise.resolve() },
    };
  }

  pull(name: Name, content: Staged, order: Order, twin?: Twin): Promise<Outcome> {
    return pull(this.#context(), name, content, order, twin);
  }

  remove(name: Name, order: Order): Promise<Outcome> {
    return remove(this.#context(), name, order);
  }

  giveUp(name: Name, action: 'pull' | 'remove', order: Order): Promise<Outcome> {
    return giveUp(this.#context(), name, action, order);
  }

  /** Segments that nothing named come to their end in the store itself. */
  async dropLeftUploads(): Promise<void> {}

  async close(): Promise<void> {}

  #context(): CommitContext {
    return {
      client: this.#client,
      clock: this.#clock,
      histories: this.#histories,
      objects: this.#objects,
      versioned: this.#capabilities.versions,
      sizes: this.#capabilities.resumesUploads ? this.#sizes : null,
      turns: this.#turns,
      refusesCreates: this.#capabilities.createOnly !== 'ignored',
    };
  }

  /** Who may not make containers sends large files whole. */
  async #makeSegments(): Promise<void> {
    const status = await this.#client.segments.create();
    if (status < 300) return;
    this.#log.warn({ status }, 'the account takes no container for segments of large files');
    this.#capabilities = { ...this.#capabilities, resumesUploads: false, maxObjectBytes: MAX_WHOLE_BYTES };
  }

  async #containerOrNull(): Promise<ContainerHead | null> {
    try {
      return await this.#client.container('newest');
    } catch (thrown) {
      if (thrown instanceof HoldfastError && thrown.code === 'container-missing') return null;
      throw thrown;
    }
  }

  async #create(versioning: boolean): Promise<void> {
    const headers: Record<string, string> = versioning ? { 'x-versions-enabled': 'true' } : {};
    let status = await this.#client.setContainer('PUT', headers);
    if (status >= 400 && versioning) status = await this.#client.setContainer('PUT', {});
    if (status >= 300)
      throw new HoldfastError('store-refused', `the container cannot be created (${status})`);
  }

  async #checkContainer(identity: string | null): Promise<void> {
    const head = await this.#client.container();
    if (identity === null || head.identity === identity) return;
    // A replica that fell behind is no other container.
    if ((await this.#client.container('newest')).identity !== identity) {
      throw new HoldfastError('container-replaced', 'the container is not the one the pair was made with');
    }
  }
}
