/** Registry: stores, pairs, their condition and their leases, in the state database. */
import type { Side } from '#core/entry.ts';
import type { PairGenerations, SideGeneration } from '#core/generation.ts';
import type { ErrorCode } from './errors.ts';
import type { NewPair, NewStore, Pair, Retention, StoreRecord } from './pair.ts';

export interface SyncTokens {
  readonly scan: bigint;
  readonly poll: bigint;
}

/** A pair starts again as a union of both sides (design section 5). */
export interface Union {
  /** Why, for people, while no operator asked for it; shown with the pair until one has seen it. */
  readonly reason: string | null;
  /** As it was when the cause was found: if it has moved since, somebody else has started the union. */
  readonly known: PairGenerations;
  /** What a side that went back, or went ahead of the database, was found to have been told. */
  readonly found: { readonly side: Side; readonly generation: SideGeneration } | null;
  /** What the sides are now, where one of them was attached anew; it was told nothing yet. */
  readonly attached: {
    readonly folder: boolean;
    readonly container: { readonly identity: string | null; readonly createdAt: string | null } | null;
  };
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
  /** All pairs by name that are on this container, the given one too. */
  pairsOnContainerOf(pair: Pair): Promise<readonly Pair[]>;
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
  /**
   * Forgets all entries, so that the next contact is a union which deletes nothing; wants a scan and a poll. History,
   * problems and recovery pointers stay. Begins a generation above every one that is known, so that nobody who went
   * by the old one is heard. Serials leap over all that may have been issued after `found`, before this ends.
   * @returns false when `known` no longer holds: nothing was done.
   */
  startUnion(id: number, union: Union): Promise<boolean>;
  /** Forgets `union`: an operator has seen it. */
  forgetUnion(id: number): Promise<void>;

  /** Begins a generation of each pair that acknowledged anything since its last one, if that is at least so old. */
  beginGenerations(minAgeMs: number): Promise<void>;
  /** Records that a side was told its generation. Never goes back. */
  confirmGeneration(id: number, side: Side, told: Pick<SideGeneration, 'number' | 'stamp'>): Promise<void>;

  setIgnoreText(id: number, text: string): Promise<void>;

  /** Wants a full scan and a full poll; null for all pairs. @returns tokens of one pair (of the last when all). */
  requestSync(id: number | null): Promise<SyncTokens>;
  /** Records that a scan (poll) that began when `token` was wanted has ended. Never goes back. */
  finishScan(id: number, token: bigint): Promise<void>;
  finishPoll(id: number, token: bigint): Promise<void>;

  /**
   * Renews this owner's leases and takes free or expired ones, of pairs on these volumes, also paused and disabled ones.
   * @param ttlMs lease time from the database's now; what has two thirds of it left is not renewed yet.
   * @returns all pairs the owner holds afterwards.
   */
  lease(owner: string, volumes: readonly string[], ttlMs: number): Promise<readonly Pair[]>;
  /** Gives all leases of the owner back. */
  releaseLeases(owner: string): Promise<void>;
  /** How many pairs hold an unexpired lease, by owner. */
  leases(): Promise<ReadonlyMap<string, number>>;
}
