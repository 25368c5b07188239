/**
 * Job queue: hints to look at the database (design section 3). Jobs carry keys only.
 * Delivery is at least once, jobs may be lost, repeated and reordered; nothing may
 * depend on more.
 */
import type { Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';

/** `candidates.<volume>`: this pair has candidates to probe or decisions to hand out. */
export interface CandidatesJob {
  readonly pairId: number;
}

/** `transfer.<volume>`: carry these decisions of one pair out. */
export interface TransferJob {
  readonly pairId: number;
  readonly items: readonly { readonly name: Name; readonly serial: Serial }[];
}

/** `poll`: list this pair's container. */
export interface PollJob {
  readonly pairId: number;
}

/** `signal` is aborted when the process must stop now; a handler that throws has its job retried by the sweep, not by the queue. */
export type Handler<Job> = (job: Job, signal: AbortSignal) => Promise<void>;

export interface ConsumeOptions {
  readonly concurrency: number;
}

export interface Consumer {
  /** Stops taking jobs, waits for running ones at most `budgetMs`, then aborts their signal and gives them up. */
  drain(budgetMs: number): Promise<void>;
}

export interface JobQueue {
  /**
   * Asks for a candidates job of the pair. While one is waiting this adds none; while one is active, one more runs after it.
   * `force` adds one in any case: for the sweep, when nothing moved for long.
   */
  wake(volume: string, pairId: number, options?: { delayMs?: number; force?: boolean }): Promise<void>;
  /** Adds transfer jobs; a lower `priority` (1 and up) runs first. */
  transfer(volume: string, jobs: readonly (TransferJob & { readonly priority: number })[]): Promise<void>;
  /** Asks for one poll now, besides the schedule. */
  pollNow(pairId: number): Promise<void>;
  /** Makes or changes the pair's poll schedule; the next poll is `everyMs` from now. Idempotent for equal intervals. */
  schedulePoll(pairId: number, everyMs: number): Promise<void>;
  unschedulePoll(pairId: number): Promise<void>;
  /** Pairs that have a poll schedule, with its interval. */
  pollSchedules(): Promise<ReadonlyMap<number, number>>;

  consumeCandidates(volume: string, options: ConsumeOptions, handler: Handler<CandidatesJob>): Consumer;
  consumeTransfers(volume: string, options: ConsumeOptions, handler: Handler<TransferJob>): Consumer;
  consumePolls(options: ConsumeOptions, handler: Handler<PollJob>): Consumer;

  /**
   * Whether the queue still is the one seen before. `lost` is answered exactly when its contents went away (flushed,
   * restarted empty) since some process asked last; the asker then has every pair scanned and polled.
   */
  continuity(): Promise<'kept' | 'lost'>;
  /** Answers when the queue is reachable. @throws HoldfastError queue-unreachable */
  ping(): Promise<void>;
  /** Jobs by queue and state, for status and metrics. */
  depths(): Promise<readonly { readonly queue: string; readonly state: string; readonly jobs: number }[]>;
  /** Of each queue, how long the job that waits longest could have been taken, milliseconds; 0 where none waits. Of very many, those that come next are looked at. */
  waits(): Promise<readonly { readonly queue: string; readonly oldestMs: number }[]>;
  close(): Promise<void>;
}
