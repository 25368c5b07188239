/**
 * Entry: one name of one pair with its four archives, as one row of the state database.
 * LOCAL and REMOTE remember each side, SYNC the last acknowledged common state,
 * DECISION the state being synced now.
 */
import type { Action, Displaced } from './decide.ts';
import type { Name } from './name.ts';
import type { Serial } from './serial.ts';
import type { LocalState, RemoteState, SyncState } from './state.ts';

export type Side = 'local' | 'remote';

export interface PendingDecision {
  /** Serial of the source's version that is being synced; the acknowledgement compares it (invariant 4). */
  readonly serial: Serial;
  readonly action: Action;
  readonly displaced: Displaced;
  readonly reason: string;
  /** Failed attempts so far that count towards backoff. */
  readonly attempts: number;
}

export interface Entry {
  readonly name: Name;
  readonly local: LocalState;
  readonly localSerial: Serial;
  readonly remote: RemoteState;
  readonly remoteSerial: Serial;
  readonly sync: SyncState;
  /** NO_SERIAL while the name was never acknowledged. */
  readonly syncSerial: Serial;
  /** Null when nothing is being synced. */
  readonly decision: PendingDecision | null;
  /**
   * Objects are known below `name/`. With nothing known at `name` itself the store's directory is implied; with a file
   * there no folder can hold both (invariant 10).
   */
  readonly remoteHasChildren: boolean;
}
