/** Poll pace: how long until a pair's next poll. Quiet pairs are polled less and less; each pair has its own beat. */

export interface PollPace {
  /** Interval after something changed, milliseconds. */
  readonly baseMs: number;
  /** Longest interval, milliseconds. */
  readonly maxMs: number;
}

/** Golden-ratio spread over ±10 %: neighbours never poll in step, and a pair's interval is stable. */
function spread(pairId: number): number {
  return 0.9 + 0.2 * ((pairId * 0.618033988749895) % 1);
}

export function firstPollMs(pairId: number, pace: PollPace): number {
  return nextPollMs(pairId, 0, pace);
}

/** @param idlePolls polls in a row that found nothing changed. @returns milliseconds */
export function nextPollMs(pairId: number, idlePolls: number, pace: PollPace): number {
  const grown = pace.baseMs * 2 ** Math.min(Math.max(0, idlePolls - PATIENT_POLLS), 20);
  return Math.round(Math.min(pace.maxMs, grown) * spread(pairId));
}

/**
 * The pace while a store notifies: a poll that found nothing shows that nothing was missed, and the next one is the
 * latest there may be; one that found something was not told of it, and the pace is as ever.
 */
export function notifiedPace(pace: PollPace, idlePolls: number, isFlowing: boolean): PollPace {
  return isFlowing && idlePolls > 0 ? { ...pace, baseMs: pace.maxMs } : pace;
}

/** Idle polls before backing off: a user who just saved something often does so again. */
export const PATIENT_POLLS = 3;
