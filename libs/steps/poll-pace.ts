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

/** Idle polls before backing off: a user who just saved something often does so again. */
const PATIENT_POLLS = 3;
