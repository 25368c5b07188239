/** Registry: stores, pairs, their condition and their leases, in the state database. */
import type { ErrorCode } from './errors.ts';
import type { NewPair, NewStore, Pair, Retention, StoreRecord } from './pair.ts';

export interface SyncTokens {
  readonly scan: bigint;
  readonly poll: bigint;
}

export interface Registry {
  /** @throws HoldfastError already-exists when the name is taken. */
  addStore(store: NewStore): Promise<StoreRecord>;
  listStores(): Promise<readonly StoreRecord[]>;
  /** @throws HoldfastError not-found; already-exists (with the pairs named) while pairs use it. */
  removeStore(name: string): Promise<void>;

  /** Adds a pair with a scan and a poll wanted. @throws HoldfastError already-exists when the name is taken. */
  addPair(pair: NewPair): Promise<Pair>;
  /** All pairs by name. */
  listPairs(): Promise<readonly Pair[]>;
  findPair(name: string): Promise<Pair | null>;
  loadPair(id: number): Promise<Pair | null>;
  /** Forgets the pair and all its state; touches neither side. Idempotent. */
  removePair(id: number): Promise<void>;
  setPaused(id: number, paused: boolean): Promise<void>;
  /** Also for what is kept already: its retention ends `keptMs` after it was displaced, which is what `days` amounts to. */
  setRetention(id: number, retention: Retention, keptMs: number): Promise<void>;
  /** Disables with a reason; keeps the first `at` while the code stays the same. @returns whether anything changed. */
  disable(id: number, code: ErrorCode, reason: string): Promise<boolean>;
  /** Enables again and wants a scan and a poll. @returns whether it was disabled. */
  enable(id: number): Promise<boolean>;
  /** Forgets all entries, so that the next contact is a union (design section 5), and takes a new container identity. */
  resetEntries(id: number, identity: string | null): Promise<void>;
  setIgnoreText(id: number, text: string): Promise<void>;

  /** Wants a full scan and a full poll; null for all pairs. @returns tokens of one pair (of the last when all). */
  requestSync(id: number | null): Promise<SyncTokens>;
  /** Records that a scan (poll) that began when `token` was wanted has ended. Never goes back. */
  finishScan(id: number, token: bigint): Promise<void>;
  finishPoll(id: number, token: bigint): Promise<void>;

  /**
   * Renews this owner's leases and takes free or expired ones, of pairs on these volumes, also paused and disabled ones.
   * @param ttlMs lease time from the database's now.
   * @returns all pairs the owner holds afterwards.
   */
  lease(owner: string, volumes: readonly string[], ttlMs: number): Promise<readonly Pair[]>;
  /** Gives all leases of the owner back. */
  releaseLeases(owner: string): Promise<void>;
  /** How many pairs hold an unexpired lease, by owner. */
  leases(): Promise<ReadonlyMap<string, number>>;
}
