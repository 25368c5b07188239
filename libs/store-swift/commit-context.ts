/** Commit context: what pull and remove share. */
import type { RemoteState } from '#core/state.ts';
import type { Clock } from '#ports/clock.ts';
import type { CommitOrder, CommitOutcome } from '#ports/commit.ts';
import type { Client } from './client.ts';

export type Order = CommitOrder<RemoteState>;
export type Outcome = CommitOutcome<RemoteState>;

export interface CommitContext {
  readonly client: Client;
  readonly clock: Clock;
  /** Whether the container keeps what a write displaces. */
  readonly versioned: boolean;
}
