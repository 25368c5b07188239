/**
 * Object store: one container of one store, the REMOTE side of a pair. Adapters translate
 * a dialect and run its commit protocol (design section 6); what a store cannot promise is
 * data in `capabilities`, not a subclass. Adapters classify errors and never retry a write.
 */
import type { Generation } from '#core/generation.ts';
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import type { CommitOrder, CommitOutcome } from './commit.ts';
import type { Staged, StageOutcome } from './content.ts';
import type { DigestSpec } from './digest.ts';

/** How well the endpoint honours a precondition, found by real conflicting writes (never by asking). */
export type Guard =
  /** Refused by the store itself, atomically as far as a probe can tell. */
  | 'enforced'
  /** Checked before the write, not atomic with it; the adapter verifies afterwards. */
  | 'advisory'
  /** Accepted and ignored. */
  | 'ignored';

export interface StoreCapabilities {
  readonly createOnly: Guard;
  readonly replaceIf: Guard;
  readonly deleteIf: Guard;
  /** Displaced content stays readable as a version. */
  readonly versions: boolean;
  /** A listing may be behind the objects without limit (Swift): nothing in it is proof. */
  readonly listingLags: boolean;
  /** A listing tells what each object's content is; else they are asked one by one (S3 with keys of its own). */
  readonly listsDigests: boolean;
  /** Copies an object as long as it is the one that was meant. */
  readonly serverSideCopy: boolean;
  /** Such a copy to a name where nothing is. */
  readonly copyCreateOnly: Guard;
  /** Large content that was interrupted on its way up goes on where it stopped, in any worker. */
  readonly resumesUploads: boolean;
  /** What `createOnly` and `replaceIf` say holds for large content, too, where that arrives in parts. */
  readonly guardsLarge: boolean;
  /** Neither guard nor version protects a write here: shown to operators as "unprotected window". */
  readonly unprotectedWindow: boolean;
  /** Bytes; larger files become the problem `content-too-large`. */
  readonly maxObjectBytes: number;
  /** Bytes of the blocks that the container's digests are made over (Pithos); null where digests know no blocks. */
  readonly blockSize: number | null;
}

/** One listed object. A hint; names are raw, for the caller to judge (invariant 10). */
export interface ListedObject {
  readonly rawName: string;
  readonly state: RemoteState;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  /** Raw name to continue after; null at the end. */
  readonly next: string | null;
}

/** What a container is, to notice that it was recreated or went back to an earlier state (invariant 6). */
export interface ContainerFacts {
  /** The id Holdfast wrote into the container's metadata; null when there is none. */
  readonly identity: string | null;
  /** When the store made the container, in its own words; null where it does not tell. Another one means another container. */
  readonly createdAt: string | null;
  /** What this pair told the container, by place (core/generation.ts); empty when it told nothing, or the store keeps no metadata. */
  readonly generations: readonly Generation[];
  /** Changes whenever any object changes, as far as the store tells; equal means "perhaps nothing changed". */
  readonly fingerprint: string;
  /** Null where the store does not count. */
  readonly objects: number | null;
  readonly bytes: number | null;
}

/** Content that the container holds already, in one version of an object. */
export interface Twin {
  readonly name: Name;
  /** The store's id of the version; null: the current object. */
  readonly version: string | null;
  /** Bytes. */
  readonly size: number;
  /** Digest in the store's algorithm. */
  readonly hash: string;
}

export interface ObjectStore {
  /** Valid after `attach` or when given stored capabilities at construction. */
  readonly capabilities: StoreCapabilities;
  readonly digest: DigestSpec;

  /**
   * Makes the container usable: creates it when absent and `create` is set, switches versioning on unless refused,
   * writes `identity` into its metadata when it has none, and probes the capabilities with real conflicting writes
   * under a unique hidden name which it removes again.
   * @returns the container's facts after that; its identity may be one written earlier by another pair.
   * @throws HoldfastError container-missing, credentials-refused, store-unreachable, store-refused
   */
  attach(options: { create: boolean; versioning: boolean; identity: string }): Promise<ContainerFacts>;

  /** Takes what this pair wrote into the container's metadata away; its identity stays, as other pairs go by it. Idempotent, also when the container is gone. */
  detach(): Promise<void>;

  /**
   * @param ask as any replica of the store knows it, metadata of a moment ago perhaps, or as the newest does.
   * @throws HoldfastError container-missing, credentials-refused, store-unreachable, ...
   */
  container(ask?: 'newest'): Promise<ContainerFacts>;

  /**
   * Tells the container the pair's generation, in its place of the container's metadata; what other places hold stays.
   * @returns false where the store keeps no metadata, or takes no more of it.
   */
  tell(generation: Generation): Promise<boolean>;

  /** Objects with names after `after` (null: from the start) in order of UTF-8 bytes, at most `limit` (1 to 10,000). */
  list(after: string | null, limit: number): Promise<ListPage>;

  /**
   * The live state of one name, asked of the newest replica. `absent` is proof: a direct 404 while the container
   * itself was seen present with `identity` (invariant 6; null: identity is not checked). What listings hide is absent.
   * @throws HoldfastError container-missing, container-replaced instead of ever guessing absence.
   */
  probe(name: Name, identity: string | null): Promise<RemoteState>;

  /**
   * Stage for download: a handle pinned to exactly `expected`. Opening may cost no request:
   * a mismatch found later surfaces from `read` as StaleContent. mtimeNs and mode may be refined by the first read.
   */
  stage(name: Name, expected: RemoteState): Promise<StageOutcome>;

  /**
   * Pull: writes the content under the name if the store still holds `order.expected`, verifies that nothing slipped
   * in between, and rescues what did as a conflict copy.
   * @param twin where the container may hold the same bytes: a hint. A store that can copies them on its side when
   * size and digest are those of `content`, and takes the bytes of `content` where the twin is gone or another.
   */
  pull(
    name: Name,
    content: Staged,
    order: CommitOrder<RemoteState>,
    twin?: Twin,
  ): Promise<CommitOutcome<RemoteState>>;

  /**
   * For an order of `pull` or `remove` that is given up since its source moved on. An earlier attempt may have written
   * without anybody hearing of it: what it displaced unnoticed is rescued now, as nobody comes back to do so.
   * @returns `applied`, as that attempt would have reported it, when its effect stands; else `stale`.
   */
  giveUp(
    name: Name,
    action: 'pull' | 'remove',
    order: CommitOrder<RemoteState>,
  ): Promise<CommitOutcome<RemoteState>>;

  /** Removes the object if the store still holds `order.expected`. Removing what is absent already is `applied`. */
  remove(name: Name, order: CommitOrder<RemoteState>): Promise<CommitOutcome<RemoteState>>;

  /**
   * Removes what uploads of this pair left in the container that never ended, and to which nothing was added since
   * `before` (milliseconds since the epoch). What cannot be proved this pair's own stays.
   */
  dropLeftUploads(before: number): Promise<void>;

  /** Closes connections. The adapter is unusable afterwards. */
  close(): Promise<void>;
}
