/** Pair and store: what an operator registered. Plain data, as every process reads it. */
import type { PairGenerations } from '#core/generation.ts';
import type { Policies } from '#core/policies.ts';
import type { ErrorCode } from './errors.ts';
import type { LocalFolderFacts } from './local-folder.ts';
import type { StoreCapabilities } from './object-store.ts';

export type StoreKind = 'pithos' | 'swift' | 's3';

/** A secret is only ever referred to (invariant 12): by the path of a file or the name of an environment variable. */
export interface SecretReference {
  readonly from: 'file' | 'env';
  readonly at: string;
}

export interface StoreRecord {
  readonly id: number;
  readonly name: string;
  readonly kind: StoreKind;
  /** Login URL (Swift v1, Keystone, Pithos) or endpoint (S3). */
  readonly url: string;
  readonly secret: SecretReference;
  /** Further settings of the kind, such as a Keystone region. Never secrets. */
  readonly options: Readonly<Record<string, string>>;
}

export interface NewStore extends Omit<StoreRecord, 'id'> {}

/** How long displaced content is kept; what ends first ends it. */
export interface Retention {
  /** Null: as long as the processes are configured to keep it. */
  readonly days: number | null;
  /** Bytes that the folder's trash may take, the oldest going first; null: any number. Versions that a store keeps are its own. */
  readonly bytes: number | null;
}

export const RETENTION_AS_CONFIGURED: Retention = { days: null, bytes: null };

export interface Pair {
  readonly id: number;
  /** Written into the folder's marker and the container's metadata: unique across databases. */
  readonly uid: string;
  readonly name: string;
  readonly store: StoreRecord;
  readonly container: string;
  /** Identity found in the container's metadata at attach; null when the store keeps none. */
  readonly identity: string | null;
  /** When the store made the container; null where it does not tell. */
  readonly containerCreatedAt: string | null;
  /** Absolute path of the folder on its volume. */
  readonly folder: string;
  readonly volume: string;
  readonly policies: Policies;
  /** gitignore patterns given at creation. */
  readonly excludes: readonly string[];
  /** Last seen text of the folder's `.holdfastignore`; empty when there is none. */
  readonly ignoreText: string;
  /** Whether container versioning was wanted (it is switched off for stores where the operator refused it). */
  readonly versioning: boolean;
  readonly capabilities: StoreCapabilities | null;
  readonly folderFacts: LocalFolderFacts | null;
  readonly retention: Retention;
  readonly paused: boolean;
  /** Set while the pair is disabled. */
  readonly disabled: { readonly code: ErrorCode; readonly reason: string; readonly at: Date } | null;
  /** The latest union of both sides that no operator asked for or has seen; null when there was none. */
  readonly union: { readonly reason: string; readonly at: Date } | null;
  /** Grows with every change of the fields above; caches compare it. */
  readonly revision: number;
  /** Tokens: a scan or poll is wanted while `Wanted > Done`. Done is 0 until the first one ended. */
  readonly scanWanted: bigint;
  readonly scanDone: bigint;
  readonly pollWanted: bigint;
  readonly pollDone: bigint;
  /** What tells a restored backup; moves without a new revision. */
  readonly generations: PairGenerations;
}

export interface NewPair
  extends Pick<
    Pair,
    | 'uid'
    | 'name'
    | 'container'
    | 'identity'
    | 'containerCreatedAt'
    | 'folder'
    | 'volume'
    | 'policies'
    | 'excludes'
    | 'ignoreText'
    | 'versioning'
    | 'capabilities'
    | 'folderFacts'
  > {
  readonly storeId: number;
  /** As configured when left out. */
  readonly retention?: Retention;
}
