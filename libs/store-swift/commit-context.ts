/** Commit context: what pull and remove share. */
import type { RemoteState } from '#core/state.ts';
import type { Turns } from '#core/turns.ts';
import type { PartSizes } from '#libs/digest/parts.ts';
import type { Clock } from '#ports/clock.ts';
import type { CommitOrder, CommitOutcome } from '#ports/commit.ts';
import type { Client } from './client.ts';
import type { SharedListing } from './shared-listing.ts';

export type Order = CommitOrder<RemoteState>;
export type Outcome = CommitOutcome<RemoteState>;

export interface CommitContext {
  readonly client: Client;
  readonly clock: Clock;
  /** Of versions, and of current objects. */
  readonly histories: SharedListing;
  readonly objects: SharedListing;
  /** Whether the container keeps what a write displaces. */
  readonly versioned: boolean;
  /** Of parts; null where the store takes no manifests. */
  readonly sizes: PartSizes | null;
  /** Of all transfers of the process, for parts of large content. */
  readonly turns: Turns;
  /** Whether a create of a name that is taken is refused, atomically or not. */
  readonly refusesCreates: boolean;
}
