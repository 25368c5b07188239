/**
 * Desk: what an operator looks at and answers on the console, beside the verbs of `Operator`.
 * Results are plain JSON; lists come in pages, each naming where the next one begins.
 */
import type {
  HeldDeletesView,
  HistoryView,
  PairCondition,
  PairView,
  ProblemView,
  TrashView,
} from './operator.ts';
import type { ConflictAnswer } from './overview.ts';

export interface PageView<Item> {
  readonly items: readonly Item[];
  /** What to ask the next page with; null on the last one. */
  readonly next: string | null;
}

export interface PageRequest {
  /** `next` of the page before; null for the first. */
  readonly from: string | null;
  readonly limit: number;
}

/** A pair in a list. */
export interface PairRow {
  readonly name: string;
  readonly condition: PairCondition;
  readonly disabledReason: string | null;
  readonly folder: string;
  readonly store: string;
  readonly container: string;
  /** Names with something to do, up to 1,000. */
  readonly toDo: number;
  readonly problems: number;
  /** Deletes that wait, up to 1,000. */
  readonly heldDeletes: number;
  /** Age of the oldest of the next changes in seconds; null when there is nothing to do. */
  readonly lagSeconds: number | null;
  /** Null until the pair was counted. */
  readonly files: number | null;
  readonly bytes: number | null;
  /** Bytes a second just now. */
  readonly rate: number;
}

export interface FleetView {
  readonly pairs: number;
  readonly problems: number;
  readonly conditions: Readonly<Record<PairCondition, number>>;
  /** Bytes and files a second just now. */
  readonly bytesRate: number;
  readonly filesRate: number;
}

/** What was moved in one minute. */
export interface ThroughputPoint {
  /** Seconds since the epoch, on a minute. */
  readonly at: number;
  readonly files: number;
  readonly bytes: number;
}

/** What a pair does now. `done` counts since it began to move something. */
export interface PairLive {
  readonly name: string;
  readonly condition: PairCondition;
  readonly disabledReason: string | null;
  readonly files: number | null;
  readonly directories: number | null;
  readonly bytes: number | null;
  readonly problems: number;
  readonly heldDeletes: HeldDeletesView | null;
  readonly progress: {
    readonly filesDone: number;
    readonly bytesDone: number;
    readonly filesToDo: number;
    readonly bytesToDo: number;
    /** Bytes and files a second over the last half minute. */
    readonly bytesRate: number;
    readonly filesRate: number;
    /** Null while it cannot be told. */
    readonly etaSeconds: number | null;
  };
  readonly lagSeconds: number | null;
  /** What workers hold now, the first of it. */
  readonly active: readonly { readonly name: string; readonly action: string; readonly size: number }[];
  /** The newest event; another number says that history went on. */
  readonly lastEvent: string | null;
}

export interface ConflictSide {
  readonly name: string;
  /** `here` or `upstream`: where this content came from. */
  readonly from: 'here' | 'upstream';
  /** Null when nothing is there any more. */
  readonly size: number | null;
  readonly modifiedAt: string | null;
  readonly isDirectory: boolean;
}

export interface ConflictRow {
  readonly id: string;
  readonly at: string;
  readonly text: string;
  /** The content at the name, and the one that was kept beside it. */
  readonly winner: ConflictSide;
  readonly copy: ConflictSide;
  readonly answer: { readonly answer: ConflictAnswer; readonly actor: string; readonly at: string } | null;
  /** Not answered, and its copy is still there. */
  readonly isOpen: boolean;
}

export type ContentPreview =
  | { readonly kind: 'text'; readonly text: string; readonly isWhole: boolean }
  | { readonly kind: 'image'; readonly type: string; readonly base64: string }
  | { readonly kind: 'none'; readonly reason: string };

export interface EventRow extends HistoryView {
  readonly id: string;
  readonly name: string | null;
  /** What it is about, where a rename of many is one line; else 1. */
  readonly files: number;
}

export interface HistoryRequest extends PageRequest {
  readonly path: string | null;
}

export interface ProcessRow {
  readonly id: string;
  readonly app: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly volumes: readonly string[];
  readonly uptimeSeconds: number;
  /** Seconds since it was heard of. */
  readonly silentSeconds: number;
  readonly concurrency: number;
  readonly busy: number;
  readonly holds: number;
  readonly pairs: readonly string[];
  readonly rss: number;
  readonly loopLagMs: number;
  /** `silent`: not heard of for longer than it should. */
  readonly condition: 'working' | 'draining' | 'silent';
}

export interface ActionRow {
  readonly at: string;
  readonly actor: string;
  readonly verb: string;
  readonly pair: string | null;
  readonly text: string;
}

export interface PairsRequest extends PageRequest {
  readonly search: string;
  readonly condition: PairCondition | null;
  readonly withProblems: boolean;
}

/** All methods throw HoldfastError; grade usage for what the operator asked wrongly. */
export interface Desk {
  fleet(): Promise<FleetView>;
  /** The last hour, a point a minute. */
  throughput(): readonly ThroughputPoint[];
  pairs(request: PairsRequest): Promise<PageView<PairRow>>;
  /** Those of these names that there are. */
  pairRows(names: readonly string[]): Promise<readonly PairRow[]>;
  pairView(name: string): Promise<PairView>;
  pairLive(name: string): Promise<PairLive>;
  /** What was done to all names, renames as one line each; or all that happened to one, as it was recorded. */
  history(name: string, request: HistoryRequest): Promise<PageView<EventRow>>;
  problems(
    name: string | null,
    request: PageRequest & { readonly code: string | null },
  ): Promise<PageView<ProblemView>>;
  problemCodes(name: string | null): Promise<readonly { readonly code: string; readonly problems: number }[]>;
  conflicts(name: string, request: PageRequest): Promise<PageView<ConflictRow>>;
  conflictPreview(name: string, id: string, which: 'winner' | 'copy'): Promise<ContentPreview>;
  trash(name: string, request: PageRequest): Promise<PageView<TrashView>>;
  heldDeletes(
    name: string,
    request: PageRequest,
  ): Promise<
    PageView<{
      readonly name: string;
      readonly side: string;
      readonly size: number | null;
      readonly since: string;
    }>
  >;
  workers(): Promise<readonly ProcessRow[]>;
  workerDrain(id: string): Promise<void>;
  actions(request: PageRequest): Promise<PageView<ActionRow>>;
}
