/**
 * Delete gate: what a delete has to pass before it is carried out (invariant 7). A decided
 * delete waits, is counted together with others of its pair, and is then let go with them or
 * held with them. Only a delete that was let go is dispatched or claimed.
 */
import type { DeleteCounts, RenameCounts, UnansweredHold, WaitingSides } from '#core/delete-hold.ts';
import type { Side } from '#core/entry.ts';
import type { Name } from '#core/name.ts';

/** Deletes of a pair that were not let go. */
export interface WaitingDeletes extends WaitingSides {
  /** Milliseconds since the epoch; null while the pair's deletes are not held. */
  readonly heldSince: number | null;
}

export interface HeldDelete {
  readonly name: Name;
  /** Where the name went away. */
  readonly side: Side;
  /** Bytes of what would be deleted; null for a directory. */
  readonly size: number | null;
  readonly decidedAt: Date;
}

export interface CountTerms {
  /** Deletes of the last so many milliseconds count. */
  readonly windowMs: number;
  /** The pair's names need not be counted for fewer deletes than this and suspects together. */
  readonly names: number;
}

export interface DeleteGate {
  /** Forgets deletes that wait and whose name was marked since: they are decided anew. @returns how many. */
  lookAgainAtDeletes(pairId: number): Promise<number>;
  waitingDeletes(pairId: number): Promise<WaitingDeletes>;
  countDeletes(pairId: number, terms: CountTerms): Promise<DeleteCounts>;
  /**
   * Renames among the deletes that `countDeletes` counts: as many of one content as names of the same side that got
   * this content within the window. A moved file is known by inode, size and time while its digest is not; a
   * directory is part of a rename when content below it is, or its inode has another name.
   */
  countRenames(pairId: number, windowMs: number): Promise<RenameCounts>;
  /**
   * Lets everything go that waits, if it is exactly so many and the pair is not held: a delete that came after the
   * counting is counted first. @returns whether it did.
   */
  letDeletesGo(pairId: number, counted: number): Promise<boolean>;
  /** Holds a pair's deletes, and with them those let go that no worker has claimed yet, approved ones left out. @returns false when they were held already. */
  holdDeletes(pairId: number): Promise<boolean>;
  /** Ends a hold of which nothing waits any more, nor is looked at and may be decided again. @returns whether it did. */
  endHold(pairId: number): Promise<boolean>;
  /** Holds that no operator has answered, in all pairs. */
  unansweredHolds(): Promise<readonly UnansweredHold[]>;
  /** Takes back, in all pairs, what was let go and no worker has claimed yet, approved ones left out. */
  takeBackDeletes(): Promise<void>;
  /** Deletes that wait after this name, in byte order. */
  pageHeldDeletes(pairId: number, after: string | null, limit: number): Promise<readonly HeldDelete[]>;
  /**
   * Everything that waits now may go, and the window's count begins anew. One history event a name and one of the
   * pair. @returns how many.
   */
  approveDeletes(pairId: number): Promise<number>;
  /**
   * Everything that waits now is forgotten, and SYNC with it: both sides are looked at as if the name had never been
   * synced, so that it comes back where it went away. The window's count begins anew. History as for an approval.
   * @returns how many.
   */
  revertDeletes(pairId: number): Promise<number>;
}
