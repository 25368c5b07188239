/**
 * Operator: what an operator can ask of a fleet, one method per verb of the command line.
 * Arguments and results are plain JSON (serials and times as text), so that the same use
 * cases serve a local command line, a remote one and the console.
 */
import type { EventRow, HistoryRequest, PageView } from './desk.ts';
import type { ConflictAnswer } from './overview.ts';
import type { SecretReference, StoreKind } from './pair.ts';

export interface StoreView {
  readonly name: string;
  readonly kind: StoreKind;
  readonly url: string;
  /** Where the secret is, never what it is: `file:/path` or `env:NAME`. */
  readonly secret: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface StoreAddRequest {
  readonly name: string;
  readonly kind: StoreKind;
  readonly url: string;
  readonly secret: SecretReference;
  readonly options: Readonly<Record<string, string>>;
  /** Whether it must be possible to log in now. */
  readonly check: boolean;
}

/** What a limit is for: a store, a pair, or with both null the whole fleet. */
export interface LimitScopeRequest {
  readonly store: string | null;
  readonly pair: string | null;
}

/** When a limit holds: days such as `mon-fri`, times such as `08:00-18:00`, and the zone of these. */
export interface LimitTimes {
  readonly days: string;
  readonly between: string;
  readonly zone: string;
}

export interface LimitSetRequest extends LimitScopeRequest {
  /** Null: always, unless a timetable of the same scope says otherwise. */
  readonly times: LimitTimes | null;
  readonly bytesPerSecond: number | null;
  readonly requestsPerSecond: number | null;
}

export interface LimitClearRequest extends LimitScopeRequest {
  /** Null for all limits of the scope. */
  readonly times: LimitTimes | null;
}

export interface LimitView extends LimitScopeRequest {
  readonly bytesPerSecond: number | null;
  readonly requestsPerSecond: number | null;
  /** Such as `mon,tue 08:00-18:00 Europe/Athens`; null for always. */
  readonly timetable: string | null;
  /** Whether its time is now. */
  readonly isHolding: boolean;
}

export interface PairAddRequest {
  readonly name: string;
  /** Absolute path. */
  readonly folder: string;
  readonly store: string;
  readonly container: string;
  readonly volume: string;
  readonly excludes: readonly string[];
  /** `KEY=VALUE` words. */
  readonly policies: readonly string[];
  /** False where the operator refuses that container versioning is switched on. */
  readonly versioning: boolean;
  /** False: the container must exist already. */
  readonly create: boolean;
  readonly retention: RetentionView;
}

/** As `Retention`. */
export interface RetentionView {
  readonly days: number | null;
  readonly bytes: number | null;
}

/** What is to be different; a field left out stays. */
export interface PairSetRequest {
  readonly name: string;
  readonly retention: Partial<RetentionView>;
}

export type PairCondition = 'in-sync' | 'syncing' | 'deletes-held' | 'paused' | 'disabled' | 'starting';

export interface PairView {
  readonly name: string;
  readonly condition: PairCondition;
  readonly folder: string;
  readonly volume: string;
  readonly store: string;
  readonly container: string;
  readonly policies: Readonly<Record<string, string>>;
  readonly excludes: readonly string[];
  readonly retention: RetentionView;
  readonly disabled: { readonly code: string; readonly reason: string; readonly at: string } | null;
  /** Sentences an operator should read, such as an unprotected window or a shared container. */
  readonly notes: readonly string[];
}

export interface PairStatus extends PairView {
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
  readonly candidates: number;
  readonly decisions: number;
  readonly decisionBytes: number;
  readonly problems: number;
  /** Null while no delete waits for an operator. */
  readonly heldDeletes: HeldDeletesView | null;
}

export interface HeldDeletesView {
  readonly names: number;
  /** `mass-delete`: so many of this pair. `fleet-stop`: those of several other pairs stop the deletes of all. */
  readonly because: 'mass-delete' | 'fleet-stop';
  readonly since: string;
}

/** Deletes of several pairs were held one soon after the other, so that those of all pairs wait. */
export interface FleetStopView {
  readonly pairs: readonly string[];
  readonly since: string;
}

export interface FleetStatus {
  readonly pairs: readonly PairStatus[];
  readonly fleetStop: FleetStopView | null;
  readonly queues: readonly { readonly queue: string; readonly state: string; readonly jobs: number }[];
}

export interface ProblemView {
  readonly pair: string;
  readonly name: string;
  readonly code: string;
  readonly text: string;
  readonly firstSeenAt: string;
  readonly lastSeenAt: string;
  readonly attempts: number;
  readonly nextAttemptAt: string | null;
}

/** Which names with problems: these, else those with this code, else all. */
export interface ProblemsRetryRequest {
  readonly names: readonly string[] | null;
  readonly code: string | null;
}

export interface ProblemsRetryView {
  readonly pair: string;
  /** How many are tried again now. */
  readonly names: number;
}

export interface ConflictView {
  /** Tells conflicts of one name apart. */
  readonly id: string;
  readonly pair: string;
  /** The name whose content lost, and where that content is now. */
  readonly text: string;
  readonly name: string;
  readonly at: string;
  /** Null while nobody answered. */
  readonly answer: { readonly answer: ConflictAnswer; readonly actor: string; readonly at: string } | null;
  /** Not answered, and its copy is still there. */
  readonly isOpen: boolean;
}

export interface PlanItem {
  readonly name: string;
  readonly action: string;
  readonly reason: string;
  readonly bytes: number;
}

export interface HistoryView {
  readonly at: string;
  readonly kind: string;
  readonly side: string | null;
  readonly serial: string | null;
  readonly text: string;
}

export interface WhyView {
  readonly name: string;
  readonly local: string;
  readonly remote: string;
  readonly sync: string;
  readonly decision: string | null;
  readonly problem: string | null;
  /** What was displaced of the name and can be got back. */
  readonly kept: readonly TrashView[];
  readonly history: readonly HistoryView[];
}

export interface TrashRestoreRequest {
  /** The name whose content is wanted. */
  readonly path: string;
  /** Which of several; null for the newest. */
  readonly item: string | null;
  /** Another name to put it under; null for its own. */
  readonly as: string | null;
}

export interface TrashView {
  /** Tells contents of one name apart. */
  readonly item: string;
  readonly name: string;
  readonly side: string;
  readonly kind: string;
  readonly locator: string;
  readonly size: number;
  readonly displacedAt: string;
  readonly expiresAt: string;
}

export interface HeldDeleteView {
  readonly name: string;
  /** Where the name went away; it is still there on the other side. */
  readonly side: string;
  /** Bytes; null for a directory. */
  readonly size: number | null;
  /** When the delete was decided. */
  readonly since: string;
  readonly because: HeldDeletesView['because'];
}

/** What an answer was given to. */
export interface DeletesAnswer {
  readonly pair: string;
  readonly answer: 'approved' | 'reverted';
  readonly names: number;
}

/** Displaced content that cannot be got back, or that nothing tells of. */
export interface UnreachableView {
  readonly name: string;
  readonly side: string;
  readonly kind: string;
  readonly locator: string;
  readonly size: number;
  readonly displacedAt: string;
  /** One sentence. */
  readonly text: string;
}

/** Whether everything that a pair displaced can be got back. */
export interface RecoveryView {
  readonly pair: string;
  /** Nothing is missing or untold, and all of it could be looked at. */
  readonly isWhole: boolean;
  /** Recovery pointers within their retention that were followed. */
  readonly checked: number;
  /** Pointers that lead to nothing. */
  readonly missing: readonly UnreachableView[];
  /** Content in the trash that no pointer leads to. */
  readonly untold: readonly UnreachableView[];
  /** Why the look ended early; null when it did not. */
  readonly failure: string | null;
}

/** A sync that was asked for, to be followed with `progress`. */
export interface SyncTicket {
  readonly pair: string;
  readonly scan: string;
  readonly poll: string;
  readonly since: string;
}

export interface SyncProgress {
  readonly quiet: boolean;
  readonly paused: boolean;
  readonly disabled: { readonly code: string; readonly reason: string } | null;
  readonly scanDone: boolean;
  readonly pollDone: boolean;
  readonly filesDone: number;
  readonly bytesDone: number;
  readonly filesToDo: number;
  readonly bytesToDo: number;
  readonly problems: number;
  /** Deletes that wait for an operator; they do not keep the pair from being quiet. */
  readonly heldDeletes: number;
}

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** One sentence; for a failed check with what to do. */
  readonly text: string;
}

/** All methods throw HoldfastError; grade usage for what the operator asked wrongly. */
export interface Operator {
  storeAdd(request: StoreAddRequest): Promise<StoreView>;
  storeList(): Promise<readonly StoreView[]>;
  storeRemove(name: string): Promise<void>;
  /** Those of the fleet first. */
  limitList(): Promise<readonly LimitView[]>;
  /** Replaces the limit of the same scope and times; the whole fleet keeps to it within two seconds. */
  limitSet(request: LimitSetRequest): Promise<LimitView>;
  /** @throws HoldfastError not-found when there is none */
  limitClear(request: LimitClearRequest): Promise<void>;
  /** Checks both sides, makes the container and the marker, probes capabilities; leaves nothing behind when any of it fails. */
  pairAdd(request: PairAddRequest): Promise<PairView>;
  pairList(): Promise<readonly PairView[]>;
  pairShow(name: string): Promise<PairStatus>;
  /** Changes hold for what is kept already, too. */
  pairSet(request: PairSetRequest): Promise<PairView>;
  pairPause(name: string): Promise<PairView>;
  /**
   * Also enables a disabled pair; one whose folder or container was replaced starts again as a union, any other with
   * `union` set. Takes the note of a union away.
   */
  pairResume(name: string, union: boolean): Promise<PairView>;
  /** Keeps both sides' data. */
  pairRemove(name: string): Promise<void>;
  sync(name: string): Promise<SyncTicket>;
  progress(ticket: SyncTicket): Promise<SyncProgress>;
  status(name: string | null): Promise<FleetStatus>;
  problems(name: string | null): Promise<readonly ProblemView[]>;
  /** Tries names with problems again now. */
  problemsRetry(name: string, which: ProblemsRetryRequest): Promise<ProblemsRetryView>;
  /** Newest first of each pair. */
  conflicts(name: string | null): Promise<readonly ConflictView[]>;
  /**
   * The content that is given up goes to the trash; both are kept with `keep-both`.
   * @throws HoldfastError not-found; already-exists when it is answered; local-busy when either content changed meanwhile.
   */
  conflictResolve(name: string, id: string, answer: ConflictAnswer): Promise<void>;
  /** Deletes that wait for an operator, in byte order of names. */
  deletesList(name: string): Promise<readonly HeldDeleteView[]>;
  /** Lets everything go that waits for an operator now. */
  deletesApprove(name: string): Promise<DeletesAnswer>;
  /** Brings back whatever waits for an operator now, on the side where it went away. */
  deletesRevert(name: string): Promise<DeletesAnswer>;
  plan(name: string): Promise<readonly PlanItem[]>;
  /** What was done, newest first, renames as one line each; or all that happened to one name. */
  history(name: string, request: HistoryRequest): Promise<PageView<EventRow>>;
  why(name: string, path: string): Promise<WhyView>;
  trashList(name: string): Promise<readonly TrashView[]>;
  /** Also of content that upstream held. */
  trashRestore(name: string, request: TrashRestoreRequest): Promise<TrashView>;
  doctor(): Promise<readonly Check[]>;
  /** @param name null for all pairs. @param withContent whether every byte is read and compared. */
  recovery(name: string | null, withContent: boolean): Promise<readonly RecoveryView[]>;
}
