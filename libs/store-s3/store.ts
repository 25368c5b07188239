/**
 * S3 store: one bucket of a service that speaks S3 as the REMOTE side of a pair. Here the parts meet: signed
 * requests, dialect, commit protocol; and here absence is proved, by a bucket that is there and still the same.
 */
import type { Generation } from '#core/generation.ts';
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import type { Turns } from '#core/turns.ts';
import { PART_SIZES, type PartSizes } from '#libs/digest/parts.ts';
import type { HttpClient } from '#libs/http/client.ts';
import type { SharedPages } from '#libs/http/shared-pages.ts';
import type { Clock } from '#ports/clock.ts';
import type { Staged, StageOutcome } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { ContainerFacts, ListPage, ObjectStore, StoreCapabilities, Twin } from '#ports/object-store.ts';
import { probeCapabilities, UNPROBED } from './capabilities.ts';
import { type Client, openClient } from './client.ts';
import { pull } from './commit.ts';
import { type CommitContext, look, type Order, type Outcome } from './commit-context.ts';
import type { ReadCredentials } from './credentials.ts';
import { stageDownload } from './download.ts';
import type { S3Endpoint } from './endpoint.ts';
import { erase, readGenerations, readIdentity, writeGeneration, writeIdentity } from './facts.ts';
import { bucketMissing } from './failures.ts';
import { giveUp } from './give-up.ts';
import { stateOf } from './heads.ts';
import { sharedHistories } from './histories.ts';
import { DigestMemory, listPage } from './listing.ts';
import { generationKey } from './names.ts';
import { remove } from './removal.ts';
import { openSession } from './session.ts';
import { dropLeftUploads } from './upload-records.ts';
import type { ListedVersion } from './xml.ts';

export interface S3StoreOptions {
  readonly endpoint: S3Endpoint;
  /** Asked once, and again when the store refuses what it said. */
  readonly credentials: ReadCredentials;
  readonly bucket: string;
  /** Names what this pair tells the bucket. */
  readonly pairId: string;
  /** Sent with every write: encryption, class of storage. */
  readonly writeHeaders: Readonly<Record<string, string>>;
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

/** @throws HoldfastError usage for a bucket's name that cannot be one. */
export function openS3Store(options: S3StoreOptions): ObjectStore {
  return new S3Store(options);
}

class S3Store implements ObjectStore {
  readonly digest = { algorithm: 'md5' } as const;
  readonly #client: Client;
  readonly #histories: SharedPages<ListedVersion>;
  readonly #pairId: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #memory = new DigestMemory();
  readonly #turns: Turns;
  readonly #sizes: PartSizes;
  #capabilities: StoreCapabilities;

  constructor(options: S3StoreOptions) {
    const { http, endpoint, bucket, credentials, clock, writeHeaders } = options;
    const session = openSession({ http, endpoint, bucket, credentials, clock });
    this.#turns = options.turns;
    this.#sizes = options.sizes ?? PART_SIZES;
    // What an earlier version found says nothing of parts yet.
    this.#capabilities = { ...UNPROBED, ...options.capabilities };
    this.#client = openClient(session, {
      region: endpoint.region,
      writeHeaders,
      listsDigests: () => this.#capabilities.listsDigests,
    });
    this.#histories = sharedHistories(this.#client);
    this.#pairId = options.pairId;
    this.#clock = clock;
    this.#log = options.log;
  }

  get capabilities(): StoreCapabilities {
    return this.#capabilities;
  }

  async attach(options: { create: boolean; versioning: boolean; identity: string }): Promise<ContainerFacts> {
    let status = await this.#client.versioning();
    if (status === null) {
      if (!options.create) throw bucketMissing(this.#client.bucket);
      await this.#client.createBucket();
      status = (await this.#client.versioning()) ?? '';
    }
    if (options.versioning && status !== 'Enabled') {
      if (!(await this.#client.enableVersioning())) this.#log.warn({}, 'the store refuses versioning');
      status = (await this.#client.versioning()) ?? '';
    }
    this.#capabilities = await probeCapabilities(this.#client, this.#clock, status === 'Enabled');
    if ((await readIdentity(this.#client)) === null) {
      await writeIdentity(this.#client, options.identity, this.#capabilities.createOnly !== 'ignored');
    }
    return this.container();
  }

  async container(): Promise<ContainerFacts> {
    const [identity, generations] = await Promise.all([
      readIdentity(this.#client),
      readGenerations(this.#client, this.#pairId),
    ]);
    // A bucket does not tell whether anything changed in it: it always may have.
    const fingerprint = this.#clock.uniqueId();
    return { identity, createdAt: null, generations, fingerprint, objects: null, bytes: null };
  }

  async detach(): Promise<void> {
    if ((await this.#client.versioning()) === null) return;
    await this.dropLeftUploads(Number.POSITIVE_INFINITY);
    await erase(this.#client, generationKey(this.#pairId), this.#capabilities.versions);
  }

  async tell(generation: Generation): Promise<boolean> {
    const { versions, replaceIf } = this.#capabilities;
    await writeGeneration(this.#client, this.#pairId, generation, replaceIf === 'enforced');
    if (versions) {
      await erase(this.#client, generationKey(this.#pairId), true, 'displaced');
    }
    return true;
  }

  list(after: string | null, limit: number): Promise<ListPage> {
    return listPage(this.#client, this.#memory, after, limit, this.#capabilities.listsDigests);
  }

  async probe(name: Name, identity: string | null): Promise<RemoteState> {
    const head = await look(this.#client, name);
    if (head !== null) return stateOf(head);
    const found = await readIdentity(this.#client);
    if (identity !== null && found !== identity) {
      throw new HoldfastError(
        'container-replaced',
        `bucket ${this.#client.bucket} is not the one that the pair was made with: its identity is ` +
          `${found === null ? 'missing' : 'another'}; attach it anew if that is intended`,
      );
    }
    return stateOf(null);
  }

  async stage(name: Name, expected: RemoteState): Promise<StageOutcome> {
    if (expected.kind === 'file') {
      const content = stageDownload(
        this.#client,
        name,
        this.#pinned(expected),
        this.#capabilities.listsDigests,
      );
      return { result: 'staged', content };
    }
    if (expected.kind !== 'directory') return { result: 'stale', reason: `${expected.kind} has no content` };
    // An implied directory has no object; then only its existence is synced.
    const head = await look(this.#client, name);
    const { mtimeNs, mode } = head?.kind === 'directory' ? head : { mtimeNs: null, mode: null };
    const release = (): Promise<void> => Promise.resolve();
    return { result: 'staged', content: { kind: 'directory', mtimeNs, mode, release } };
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

  dropLeftUploads(before: number): Promise<void> {
    const { versions: versioned } = this.#capabilities;
    return dropLeftUploads({ client: this.#client, pairId: this.#pairId, versioned }, before);
  }

  async close(): Promise<void> {}

  #context(): CommitContext {
    const { versions, listingLags } = this.#capabilities;
    return {
      client: this.#client,
      capabilities: this.#capabilities,
      histories: versions && !listingLags ? this.#histories : null,
      pairId: this.#pairId,
      sizes: this.#sizes,
      turns: this.#turns,
    };
  }

  /** Where the bucket keeps no versions an id names none. */
  #pinned<State extends RemoteState & { kind: 'file' }>(expected: State): State {
    return this.#capabilities.versions ? expected : { ...expected, version: null };
  }
}
