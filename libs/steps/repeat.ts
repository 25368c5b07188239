/** Repeat: work done again and again, by the clock. A round that fails is told in the log, and the next one follows. */
import type { Clock } from '#ports/clock.ts';
import { asHoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { Activity } from './busy.ts';

export interface Repetition {
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds between the end of one round and the start of the next. */
  readonly pauseMs: number;
  /** What a round is, for the log. */
  readonly what: string;
}

/** What an app runs until it is drained. */
export interface Running {
  /** What it does now. */
  activity(): Activity;
  /** Stops taking work and ends what runs within the budget in milliseconds. */
  drain(budgetMs: number): Promise<void>;
}

/** The first round runs at once. Resolves when `signal` is aborted and the round under way has ended. */
export async function repeat(
  work: () => Promise<unknown>,
  { clock, log, pauseMs, what }: Repetition,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await work();
    } catch (thrown) {
      log.warn({ err: asHoldfastError(thrown).message }, `${what} failed; the next round follows`);
    }
    await clock.sleep(pauseMs, signal);
  }
}
