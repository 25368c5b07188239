/**
 * Commit: the promise both target sides give (design section 6). A commit replaces only
 * the state it was decided on (invariant 5), whatever it displaces stays reachable by a
 * recovery pointer or as a conflict copy (invariant 1), and no reader sees a partial
 * file or object (invariant 3). Repeating a commit that already happened reports `applied`.
 */
import type { Displaced } from '#core/decide.ts';
import type { Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';

export interface CommitOrder<State> {
  /** What the archive says the target holds now. */
  readonly expected: State;
  readonly displaced: Displaced;
  /** Serial of the decision; makes private names unique and journals traceable. */
  readonly serial: Serial;
  /**
   * Name for content that loses. `at` is when it was displaced or, for a store's version, written;
   * `attempt` counts up while the proposed name is taken. Deterministic in its arguments.
   */
  conflictName(at: Date, attempt: number): Name;
}

/** Where displaced content can be found until its retention ends. */
export interface RecoveryPointer {
  readonly kind: /** A file or tree in the pair's trash; locator is its path below `.holdfast/trash/`. */
    | 'trash'
    /** A version the store keeps; locator is the store's version id. */
    | 'version'
    /** An identical copy exists under this hash at another name; locator is that name. */
    | 'copy';
  readonly locator: string;
  readonly size: number;
  readonly hash: string | null;
}

interface Displacement {
  /** Names that now hold content which lost; each is a new candidate on the target's side. */
  readonly conflictCopies: readonly Name[];
  readonly recovery: RecoveryPointer | null;
}

export type CommitOutcome<State> =
  /** The target holds the content; `state` is what its archive shall remember. */
  | ({
      readonly result: 'applied';
      readonly state: State /** Digest of the content that was moved, in the store's algorithm; null for directories and removals. */;
      readonly hash: string | null /** Directories that had to be made above the name. */;
      readonly madeDirectories: readonly Name[];
      /** The name whose content the store copied on its side; not set where the bytes travelled. */
      readonly copiedFrom?: Name;
    } & Displacement)
  /** The target is not what was decided on. Nothing of the user's was overwritten. Both sides shall be probed again. */
  | ({ readonly result: 'stale'; readonly reason: string } & Displacement)
  /** Another name must be dealt with first: an ancestor that is a file, a directory that is not empty. */
  | { readonly result: 'blocked'; readonly reason: 'ancestor-not-directory' | 'directory-not-empty' };

export const NOTHING_DISPLACED = { conflictCopies: [], recovery: null } as const satisfies Displacement;
