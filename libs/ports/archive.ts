/**
 * Archive: the entries of all pairs with what is to be done about them. The database is
 * the truth and the queue a hint (design section 3): candidates, decisions and the window
 * of decisions handed to the queue are all columns here. Every change is one
 * compare-and-set in bulk, so any call may be repeated or raced (invariant 4).
 */
import type { Action, Displaced } from '#core/decide.ts';
import type { Entry, PendingDecision, Side } from '#core/entry.ts';
import type { Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import type { LocalState, RemoteState, SyncState } from '#core/state.ts';
import type { RecoveryPointer } from './commit.ts';
import type { DeleteGate } from './delete-gate.ts';
import type { TrashPlace } from './local-folder.ts';
import type { Twin } from './object-store.ts';

export type CandidateSides = Side | 'both';

/** An entry whose named sides may have changed. */
export interface Candidate {
  readonly entry: Entry;
  readonly sides: CandidateSides;
  /** Which marking this is; a later marking of the same name has another one and survives `record`. */
  readonly marking: Serial;
}

export interface ProblemText {
  readonly code: string;
  readonly text: string;
}

export type HistoryEventKind =
  | 'observed'
  | 'decided'
  | 'acknowledged'
  | 'conflict'
  | 'stale'
  | 'failed'
  | 'problem'
  | 'recovered'
  | 'restored'
  | 'operator';

export interface HistoryEvent {
  /** Null for an event of the whole pair. */
  readonly name: Name | null;
  readonly kind: HistoryEventKind;
  readonly side: Side | null;
  readonly serial: Serial | null;
  /** One sentence for people; no secrets. */
  readonly text: string;
}

export interface RecordedHistoryEvent extends HistoryEvent {
  readonly id: bigint;
  readonly at: Date;
}

/** What a probe and decision found for one candidate. */
export interface ProbeRecord {
  readonly candidate: Candidate;
  /** New versions found; null where the side did not change or was not probed. */
  readonly local: { readonly state: LocalState; readonly serial: Serial } | null;
  readonly remote: { readonly state: RemoteState; readonly serial: Serial } | null;
  readonly outcome:
    | { readonly kind: 'settled' }
    | { readonly kind: 'decided'; readonly decision: PendingDecision }
    /** Both sides are equal: SYNC takes this state under this serial. */
    | { readonly kind: 'acknowledged'; readonly sync: SyncState; readonly serial: Serial }
    /** Look again at the given time (milliseconds since the epoch); the marking stays. */
    | { readonly kind: 'later'; readonly at: number };
  /** Opens or refreshes the name's problem; null closes an open one. */
  readonly problem: ProblemText | null;
}

/** A decision handed to the queue. */
export interface DispatchedDecision {
  readonly name: Name;
  readonly serial: Serial;
  readonly action: Action;
  /** Bytes to move; 0 for directories and removals. */
  readonly size: number;
}

export interface Acknowledgement {
  readonly name: Name;
  readonly serial: Serial;
  readonly sync: SyncState;
  readonly action: Action;
  readonly displaced: Displaced;
  /** What the target's archive takes, under the decision's serial. */
  readonly target:
    | { readonly side: 'local'; readonly state: LocalState }
    | { readonly side: 'remote'; readonly state: RemoteState };
  /** Digest learnt while moving; fills the LOCAL hash of an uploaded file. */
  readonly hash: string | null;
  /** Bytes of content that travelled. */
  readonly bytes: number;
  /** The name of the same side whose content was copied. */
  readonly copiedFrom?: Name;
}

/** A decision that was not carried out. */
export interface Release {
  readonly name: Name;
  readonly serial: Serial;
  readonly outcome: /** No longer holds: forgotten, both sides become candidates. */
    | { readonly kind: 'stale'; readonly reason: string }
    /** Kept; tried again at this time (milliseconds since the epoch). `counts` adds to its attempts. */
    | {
        readonly kind: 'retry';
        readonly at: number;
        readonly counts: boolean;
        readonly reason: string;
        readonly problem: ProblemText | null;
      }
    /** Forgotten until either side changes or an operator asks; the problem stays open. */
    | { readonly kind: 'refused'; readonly problem: ProblemText };
}

/** What a commit displaced or made besides its own name; recorded even when the acknowledgement loses its race. */
export interface SideEffects {
  /** Names that are new candidates on a side: conflict copies, directories made on the way. */
  readonly candidates: readonly { readonly side: Side; readonly name: Name }[];
  readonly recovery: readonly {
    readonly name: Name;
    readonly side: Side;
    readonly serial: Serial;
    readonly pointer: RecoveryPointer /** Milliseconds since the epoch. */;
    readonly lookAgainAt: number | null;
    readonly expiresAt: number;
  }[];
  readonly history: readonly HistoryEvent[];
}

export interface Work {
  readonly pairId: number;
  readonly volume: string;
  /** Candidates that may be probed now. */
  readonly candidates: boolean;
  /** Decisions that may be handed to the queue now, or deletes to be judged. */
  readonly decisions: boolean;
  /** The oldest marking among the candidates that come next; unchanged for long means that nobody works on them. */
  readonly oldestMarking: Serial;
}

export interface PairCounts {
  /** Names whose SYNC state is a file or directory. */
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
  /**
   * Undone work that is not a problem: what keeps a pair from being quiet. A candidate that waits for the next
   * attempt of its open problem is none, until it is marked again.
   */
  readonly candidates: number;
  readonly decisions: number;
  readonly decisionBytes: number;
  readonly problems: number;
  /** Deletes at the gate: not in `decisions`, nor is what waits for them. Work, unless they are held. */
  readonly waitingDeletes: number;
}

export interface Problem extends ProblemText {
  /** Printable; a name that no name can hold is shown with escapes. */
  readonly name: string;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
  readonly attempts: number;
  readonly nextAttemptAt: Date | null;
}

export interface TrashedContent {
  readonly id: bigint;
  readonly name: Name;
  readonly side: Side;
  readonly serial: Serial;
  readonly pointer: RecoveryPointer;
  readonly displacedAt: Date;
  readonly expiresAt: Date;
}

/** Content that the folder holds already. */
export interface LocalTwin {
  readonly name: Name;
  readonly state: LocalState;
}

export interface Archive extends DeleteGate {
  /** Names after `after` with what LOCAL remembers, absent ones left out, in byte order. */
  pageLocal(
    pairId: number,
    after: string | null,
    limit: number,
  ): Promise<readonly { readonly name: Name; readonly state: LocalState }[]>;
  pageRemote(
    pairId: number,
    after: string | null,
    limit: number,
  ): Promise<readonly { readonly name: Name; readonly state: RemoteState }[]>;
  /** Entries of these names in the given order; a name without a row comes back all absent with NO_SERIAL. */
  load(pairId: number, names: readonly Name[]): Promise<readonly Entry[]>;

  /** Marks names as candidates; makes rows where there are none. A pending decision stays, the marking waits for its end. */
  mark(pairId: number, sides: CandidateSides, names: readonly Name[]): Promise<void>;
  /**
   * Marks both sides of all names that have an open problem, except with these codes: what stood in their way may
   * have ended without a change of their own. `record` and `acknowledge` do the same for names with the problem
   * `name-file-and-directory` when an object above or below them ends.
   */
  markProblems(pairId: number, exceptCodes: readonly string[]): Promise<void>;
  /**
   * Records objects of names that had no REMOTE state, as a listing showed them, under new serials, and marks the
   * local side. A name of which REMOTE recorded other content by now, absence included, or whose decision is pending,
   * is marked on the remote side instead; absence, of what a listing left out, only marks. Where nothing but listings
   * marked that side while a decision is pending, and its acknowledgement has REMOTE take what the last of them showed,
   * the marking ends with it: listed and remembered are the same then.
   */
  recordListed(
    pairId: number,
    objects: readonly { readonly name: Name; readonly state: RemoteState }[],
  ): Promise<void>;

  /**
   * Candidates without a pending decision that are due: those that were synced before those that are new, either in byte
   * order, so that where moved content is in the other side is known before it is sent. Takes no lock: `record` fences.
   */
  candidates(pairId: number, limit: number): Promise<readonly Candidate[]>;
  /** New serials, ascending. */
  issueSerials(count: number): Promise<readonly Serial[]>;
  /**
   * Writes what was found, where LOCAL, REMOTE and SYNC serials still are those of the candidate's entry and no decision
   * is pending; clears the marking where no later one came. One transaction with `history`.
   * @returns the names written; the others were raced and stay candidates.
   */
  record(
    pairId: number,
    records: readonly ProbeRecord[],
    history: readonly HistoryEvent[],
  ): Promise<ReadonlySet<Name>>;

  /**
   * Takes decisions for the queue so that at most `window` of the pair are out: creations in byte order, parents
   * first and not below an ancestor that waits for a download, delete or conflict; removals that were let go, in
   * reverse order, a directory only when no decision below it is pending. Each is held for `holdMs`; what is still
   * held when that ends may be taken again. Takes none before `refillRoom` of the window is free.
   */
  dispatch(pairId: number, window: number, holdMs: number): Promise<readonly DispatchedDecision[]>;
  /**
   * Claims decisions for a worker: those that still carry the serial, that no other worker holds, and that no longer
   * wait at the delete gate.
   * Claiming again with the same `holder` renews. @returns the entries claimed.
   */
  claim(
    pairId: number,
    items: readonly { readonly name: Name; readonly serial: Serial }[],
    holder: string,
    holdMs: number,
  ): Promise<readonly Entry[]>;
  /** Those of these names here that a worker is carrying a decision out on now: whatever is seen there may be its work. */
  beingChangedHere(pairId: number, names: readonly Name[]): Promise<ReadonlySet<Name>>;
  /**
   * Where the container may hold what files here contain that moved within the folder: a move keeps inode, size and
   * modification time, by which the name is found that went away with them, and the version that it had or left upstream.
   * Names without such are left out. A hint: whoever copies compares digests.
   */
  movedHere(pairId: number, names: readonly Name[]): Promise<ReadonlyMap<Name, Twin>>;
  /**
   * Where the folder may still hold what objects contain that moved within the container: a name that went away upstream
   * with the same size and digest, and that LOCAL still remembers. Names without such are left out. A hint as above.
   */
  movedUpstream(pairId: number, names: readonly Name[]): Promise<ReadonlyMap<Name, LocalTwin>>;
  /**
   * One transaction: side effects are recorded always; each acknowledgement only where the decision's serial is
   * still pending (compare-and-set). @returns the names acknowledged.
   */
  acknowledge(
    pairId: number,
    acknowledgements: readonly Acknowledgement[],
    effects: SideEffects,
  ): Promise<ReadonlySet<Name>>;
  /** As `acknowledge`, for decisions not carried out. */
  release(pairId: number, releases: readonly Release[], effects: SideEffects): Promise<ReadonlySet<Name>>;
  /** Forgets which decisions were handed to the queue and not claimed, after the queue lost its jobs. */
  forgetDispatched(): Promise<void>;

  /** Pairs (not paused, not disabled) with work that is due. */
  work(): Promise<readonly Work[]>;
  counts(pairId: number): Promise<PairCounts>;
  /** Whether any decision is pending or any candidate is waiting below this name (not at it). */
  hasWorkBelow(pairId: number, name: Name): Promise<boolean>;
  /**
   * Whether REMOTE remembers anything below this name that differs from SYNC, unhandled objects included: what would
   * stay upstream when everything that was synced below is deleted.
   */
  hasUpstreamNewsBelow(pairId: number, name: Name): Promise<boolean>;
  /** Those of these names at which REMOTE remembers a file or an unhandled object: nothing can be sent below them. */
  upstreamObjects(pairId: number, names: readonly Name[]): Promise<ReadonlySet<Name>>;
  /** Marks every name below this one that LOCAL or REMOTE remembers as present. */
  markBelow(pairId: number, sides: CandidateSides, name: Name): Promise<void>;

  openProblem(pairId: number, shown: string, problem: ProblemText): Promise<void>;
  /** The database's own time, by which it says when a problem was seen; a process's clock may differ from it. */
  time(): Promise<Date>;
  /** @param since of `time`, when a full scan or poll began: closes problems with these codes that were last seen before. */
  closeProblems(pairId: number, codes: readonly string[], since: Date): Promise<void>;
  problems(pairId: number | null): Promise<readonly (Problem & { readonly pairId: number })[]>;

  appendHistory(pairId: number, events: readonly HistoryEvent[]): Promise<void>;
  /** Newest last. Null: events of the whole pair. */
  history(pairId: number, name: Name | null, limit: number): Promise<readonly RecordedHistoryEvent[]>;
  /** Acknowledged transfers since a time: what progress is made of. */
  transferred(pairId: number, since: Date): Promise<{ readonly files: number; readonly bytes: number }>;

  trash(pairId: number, name: Name | null): Promise<readonly TrashedContent[]>;
  /** All pointers of a pair after this id, in order of ids. */
  pageTrash(pairId: number, after: bigint, limit: number): Promise<readonly TrashedContent[]>;
  /** Those of these places of the folder's trash that a pointer tells of. */
  recordedTrash(pairId: number, places: readonly TrashPlace[]): Promise<ReadonlySet<string>>;
  /**
   * Pointers of a volume's pairs that are due for their late look, or whose retention ended: by time, or because newer
   * content of the same trash takes all the bytes that the pair may keep.
   */
  dueTrash(
    volume: string,
    limit: number,
  ): Promise<
    readonly (TrashedContent & { readonly pairId: number; readonly due: 'look-again' | 'expired' })[]
  >;
  /** Marks the late look as done (`looked`), ends the retention (`ended`) or forgets the pointer (`gone`). */
  settleTrash(id: bigint, as: 'looked' | 'ended' | 'gone'): Promise<void>;
}
