/**
 * Overview: what operators' pages ask of the state database, page by page. No call reads more
 * than it gives and a range of an index, so that pages stay quick however large the fleet is.
 */
import type { Name } from '#core/name.ts';
import type { Problem, RecordedHistoryEvent, TrashedContent } from './archive.ts';
import type { PairCondition } from './operator.ts';

export interface PairsQuery {
  /** A part of the pair's name, whatever its case; empty for all. */
  readonly search: string;
  readonly condition: PairCondition | null;
  /** Only pairs with open problems. */
  readonly withProblems: boolean;
  /** The names after this one; null for the first. */
  readonly after: string | null;
  readonly limit: number;
}

/** One pair in a list. Counts end at `COUNTED_UP_TO`, so that a large backlog costs no more than a small one. */
export interface ListedPair {
  readonly id: number;
  readonly name: string;
  readonly condition: PairCondition;
  readonly folder: string;
  readonly volume: string;
  readonly store: string;
  readonly container: string;
  readonly disabled: { readonly code: string; readonly reason: string; readonly at: Date } | null;
  readonly toDo: number;
  readonly problems: number;
  readonly heldDeletes: number;
  /** When the oldest of the next changes was first seen; null when nothing is to be done. */
  readonly oldestChangeAt: Date | null;
}

export const COUNTED_UP_TO = 1_000;

export interface FleetTotals {
  readonly conditions: Readonly<Record<PairCondition, number>>;
  readonly pairs: number;
  readonly problems: number;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly hasMore: boolean;
}

export interface HistoryQuery {
  readonly name: Name | null;
  /** `outcomes`: without what was seen and decided, which tells why and not what. */
  readonly which: 'all' | 'outcomes';
  /** Events before this one; null for the newest. */
  readonly before: bigint | null;
  readonly limit: number;
}

export interface ProblemsQuery {
  /** Null for all pairs. */
  readonly pairId: number | null;
  readonly code: string | null;
  readonly after: { readonly pairId: number; readonly name: string } | null;
  readonly limit: number;
}

export interface ListedProblem extends Problem {
  readonly pairId: number;
  readonly pair: string;
}

export type ConflictAnswer = 'keep-upstream' | 'keep-mine' | 'keep-both';

export interface ListedConflict {
  readonly event: RecordedHistoryEvent;
  readonly answer: { readonly answer: ConflictAnswer; readonly actor: string; readonly at: Date } | null;
}

/** Transfers of one pair within one minute. */
export interface Moved {
  readonly pairId: number;
  readonly minute: Date;
  readonly files: number;
  readonly bytes: number;
}

export interface Tally {
  readonly pairId: number;
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
}

/** A decision that a worker holds now. */
export interface HeldDecision {
  readonly name: Name;
  readonly action: string;
  readonly size: number;
}

export interface OperatorAction {
  readonly actor: string;
  readonly verb: string;
  readonly pair: string | null;
  readonly text: string;
}

export interface RecordedAction extends OperatorAction {
  readonly id: bigint;
  readonly at: Date;
}

/** A process as it tells of itself. */
export interface ProcessReport {
  readonly id: string;
  readonly app: string;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly volumes: readonly string[];
  readonly startedAt: Date;
  /** Jobs at once at most; 0 where it takes none. */
  readonly concurrency: number;
  readonly busy: number;
  /** Pairs it works on or holds a lease on. */
  readonly holds: number;
  /** The first of them. */
  readonly pairs: readonly number[];
  readonly rss: number;
  readonly loopLagMs: number;
}

export interface ListedProcess extends ProcessReport {
  readonly seenAt: Date;
  readonly drainWanted: boolean;
  /** Names of the first pairs it works on or holds. */
  readonly pairNames: readonly string[];
}

export interface Overview {
  /** In order of names. */
  pagePairs(query: PairsQuery): Promise<Page<ListedPair>>;
  /** Those of these names that there are. */
  listed(names: readonly string[]): Promise<readonly ListedPair[]>;
  totals(): Promise<FleetTotals>;

  /** Newest first. */
  pageHistory(pairId: number, query: HistoryQuery): Promise<Page<RecordedHistoryEvent>>;
  pageProblems(query: ProblemsQuery): Promise<Page<ListedProblem>>;
  /** How many problems each code has. */
  problemCodes(
    pairId: number | null,
  ): Promise<readonly { readonly code: string; readonly problems: number }[]>;
  /** Newest first. */
  pageConflicts(pairId: number, before: bigint | null, limit: number): Promise<Page<ListedConflict>>;
  findConflict(pairId: number, id: bigint): Promise<ListedConflict | null>;
  /** Newest first; contents within their retention. */
  pageKept(pairId: number, before: bigint | null, limit: number): Promise<Page<TrashedContent>>;
  heldDecisions(pairId: number, limit: number): Promise<readonly HeldDecision[]>;

  /**
   * Has names with open problems tried again now: these, or those with this code, or all.
   * @returns how many.
   */
  retryProblems(
    pairId: number,
    which: { readonly names: readonly string[] } | { readonly code: string | null },
  ): Promise<number>;
  /** @returns false when it is answered already. */
  answerConflict(id: bigint, answer: ConflictAnswer, actor: string): Promise<boolean>;

  /** The newest event; 0 when there is none. */
  latestEvent(): Promise<bigint>;
  /** What was moved since an event, of which at most `limit` are read. */
  movedSince(
    event: bigint,
    limit: number,
  ): Promise<{ readonly event: bigint; readonly moved: readonly Moved[] }>;
  /** Pairs after this one, with what they hold. Reads whole pairs. */
  tallies(pairIds: readonly number[]): Promise<readonly Tally[]>;
  pairIds(): Promise<readonly number[]>;

  recordAction(action: OperatorAction): Promise<void>;
  /** Newest first. */
  pageActions(before: bigint | null, limit: number): Promise<Page<RecordedAction>>;

  /** @returns whether an operator wants the process to drain. Forgets processes not heard of for long. */
  report(process: ProcessReport): Promise<boolean>;
  forgetProcess(id: string): Promise<void>;
  /** By app and start. */
  processes(): Promise<readonly ListedProcess[]>;
  /** @returns false when there is no such process. */
  wantDrain(id: string): Promise<boolean>;
}
