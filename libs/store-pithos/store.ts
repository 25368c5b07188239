/**
 * Pithos store: one container of a Pithos service as the REMOTE side of a pair. Here the parts meet:
 * session, dialect, commit protocol; and here absence is proved, by a container that is there and
 * still the same one (invariant 6).
 */
import { formatGeneration, GENERATION_PLACES, type Generation, generationPlace } from '#core/generation.ts';
import type { Name } from '#core/name.ts';
import { ABSENT, type RemoteState } from '#core/state.ts';
import type { HttpClient } from '#libs/http/client.ts';
import type { Clock } from '#ports/clock.ts';
import { type Staged, type StageOutcome, StaleContent } from '#ports/content.ts';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { ContainerFacts, ObjectStore, StoreCapabilities, Twin } from '#ports/object-store.ts';
import type { Sessions } from './auth.ts';
import { assumedCapabilities, probeCapabilities } from './capabilities.ts';
import { type ContainerHead, containerMissing, createPithosClient, type PithosClient } from './client.ts';
import { type CommitContext, commitContent, giveUpContent, type Order, type Outcome } from './commit.ts';
import { stageMarker, stageVersion } from './download.ts';
import { listObjects } from './listing.ts';
import { commitRemoval, giveUpRemoval, repairRemovals } from './remove.ts';
import { CONTAINER_IDENTITY, containerGeneration, isHidden, stateOf } from './wire.ts';

export interface PithosStoreOptions {
  /** May be those of other stores, too. */
  readonly sessions: Sessions;
  readonly container: string;
  /** Names what this pair tells the container. */
  readonly pairId: string;
  /** Shared with other stores; `close` leaves it open unless `ownsHttp` is set. */
  readonly http: HttpClient;
  readonly ownsHttp?: boolean;
  readonly log: Log;
  readonly clock: Clock;
  /** As an earlier `attach` found them; default: what the API promises for a container with versions and its own block size. */
  readonly capabilities?: StoreCapabilities;
}

const DEFAULT_BLOCK_SIZE = 4 * 1024 * 1024;

export function openPithosStore(options: PithosStoreOptions): ObjectStore {
  const { container } = options;
  if (container === '' || container === '.' || container === '..' || container.includes('/')) {
    throw new HoldfastError(
      'usage',
      `"${container}" cannot be a container's name; choose one without a slash`,
    );
  }
  const { http, sessions, pairId } = options;
  return new PithosStore(options, createPithosClient(http, sessions, container, pairId));
}

class PithosStore implements ObjectStore {
  readonly #options: PithosStoreOptions;
  readonly #client: PithosClient;
  #capabilities: StoreCapabilities;

  constructor(options: PithosStoreOptions, client: PithosClient) {
    this.#options = options;
    this.#client = client;
    this.#capabilities = options.capabilities ?? assumedCapabilities(true, DEFAULT_BLOCK_SIZE);
  }

  get capabilities(): StoreCapabilities {
    return this.#capabilities;
  }

  get #blockSize(): number {
    return this.#capabilities.blockSize ?? DEFAULT_BLOCK_SIZE;
  }

  get digest() {
    return { algorithm: 'pithos', blockSize: this.#blockSize } as const;
  }

  async attach(wanted: { create: boolean; versioning: boolean; identity: string }): Promise<ContainerFacts> {
    let head = await this.#client.headContainer();
    if (head === null) {
      if (!wanted.create) throw containerMissing(this.#client.container);
      await this.#client.createContainer();
      head = await this.#head();
    }
    const changes: Record<string, string> = {};
    if (wanted.versioning && !head.isVersioned) changes['X-Container-Policy-Versioning'] = 'auto';
    if (head.identity === null) changes[CONTAINER_IDENTITY] = wanted.identity;
    if (Object.keys(changes).length > 0) {
      await this.#client.setContainerHeaders(changes);
      head = await this.#head();
    }
    const probeId = this.#options.clock.uniqueId();
    this.#capabilities = await probeCapabilities(this.#client, probeId, head.isVersioned, head.blockSize);
    return this.container();
  }

  async container(): Promise<ContainerFacts> {
    const head = await this.#head();
    return {
      identity: head.identity,
      createdAt: null,
      generations: head.generations,
      fingerprint: `${head.lastModified}/${head.objects}/${head.bytes}`,
      objects: head.objects,
      bytes: head.bytes,
    };
  }

  async detach(): Promise<void> {
    if ((await this.#client.headContainer()) === null) return;
    const { pairId } = this.#options;
    const gone = GENERATION_PLACES.map((place) => [containerGeneration(pairId, place), '']);
    await this.#client.setContainerHeaders(Object.fromEntries(gone));
  }

  async tell(generation: Generation): Promise<boolean> {
    const key = containerGeneration(this.#options.pairId, generationPlace(generation));
    const told = { [key]: formatGeneration(generation) };
    try {
      await this.#client.setContainerHeaders(told);
      return true;
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (error.code !== 'store-refused') throw thrown;
      this.#options.log.warn({ err: error.message }, 'the container takes no more metadata');
      return false;
    }
  }

  list(after: string | null, limit: number) {
    return listObjects(this.#client, after, limit);
  }

  async probe(name: Name, identity: string | null): Promise<RemoteState> {
    // Whoever tells of a private object, such as a notification: it is no more there than in listings.
    const facts = isHidden(name) ? null : await this.#client.head(name);
    if (facts !== null) {
      if (facts.available) return stateOf(facts);
      throw new HoldfastError(
        'store-unavailable',
        `container ${this.#client.container}: ${name} is not available now; it is asked for again`,
      );
    }
    const [head, isRepaired] = await Promise.all([
      this.#head(),
      isHidden(name) ? false : repairRemovals(this.#client, name),
    ]);
    if (identity !== null && head.identity !== identity) {
      throw new HoldfastError(
        'container-replaced',
        `container ${this.#client.container} is not the one that was attached: ` +
          `its identity is ${head.identity === null ? 'missing' : 'another'}; attach it anew if that is intended`,
      );
    }
    return isRepaired ? stateOf(await this.#client.head(name)) : ABSENT;
  }

  stage(name: Name, expected: RemoteState): Promise<StageOutcome> {
    const content = this.#staged(name, expected);
    return Promise.resolve(
      content === null
        ? { result: 'stale', reason: `${expected.kind} has no content to stage` }
        : { result: 'staged', content },
    );
  }

  #staged(name: Name, expected: RemoteState): Staged | null {
    if (expected.kind === 'directory') return stageMarker();
    return expected.kind === 'file' ? stageVersion(this.#client, name, expected, this.#blockSize) : null;
  }

  async pull(name: Name, content: Staged, order: Order, twin?: Twin): Promise<Outcome> {
    refuseHidden(name);
    if (content.kind === 'file' && content.size > this.#capabilities.maxObjectBytes) {
      throw new HoldfastError(
        'content-too-large',
        `${name} has ${content.size} bytes, more than the store takes`,
      );
    }
    try {
      return await commitContent(this.#context(), name, content, order, twin);
    } catch (error) {
      if (!(error instanceof StaleContent)) throw error;
      return { result: 'stale', reason: error.message, conflictCopies: [], recovery: null };
    }
  }

  async remove(name: Name, order: Order): Promise<Outcome> {
    refuseHidden(name);
    return commitRemoval(this.#context(), name, order);
  }

  giveUp(name: Name, action: 'pull' | 'remove', order: Order): Promise<Outcome> {
    refuseHidden(name);
    const context = this.#context();
    return action === 'pull' ? giveUpContent(context, name, order) : giveUpRemoval(context, name, order);
  }

  /** What no object names the server removes by itself. */
  async dropLeftUploads(): Promise<void> {}

  async close(): Promise<void> {
    if (this.#options.ownsHttp === true) await this.#options.http.close();
  }

  #context(): CommitContext {
    return {
      client: this.#client,
      log: this.#options.log,
      blockSize: this.#blockSize,
      isVersioned: this.#capabilities.versions,
    };
  }

  async #head(): Promise<ContainerHead> {
    const head = await this.#client.headContainer();
    if (head === null) throw containerMissing(this.#client.container);
    return head;
  }
}

/** Under such a name the object would never be listed again. */
function refuseHidden(name: Name): void {
  if (!isHidden(name)) return;
  throw new HoldfastError(
    'name-unsyncable',
    `${name} looks like a store's private object; rename it to sync it`,
  );
}
