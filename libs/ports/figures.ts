/** Figures: what a whole fleet has to do, as operators and autoscalers ask. Counts and times only, no names of pairs (invariant 12). */

export interface FleetFigures {
  readonly pairs: { readonly active: number; readonly paused: number; readonly disabled: number };
  /** Active pairs that some watcher holds a lease on. */
  readonly watched: number;
  /** Pairs whose deletes wait for an operator. */
  readonly deletesHeld: number;
  /**
   * Age of the oldest undone change of each active pair that has one, milliseconds, ascending; the others are in sync.
   * Names with a problem and deletes that wait do not count.
   */
  readonly lagsMs: readonly number[];
  /** By volume with any pair: of active pairs, what may be worked on now, with what is being worked on. */
  readonly backlog: readonly {
    readonly volume: string;
    readonly candidates: number;
    readonly decisions: number;
  }[];
  /** Open problems by code, of all pairs. */
  readonly problems: readonly { readonly code: string; readonly names: number }[];
}
