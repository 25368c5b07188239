/**
 * Limits: the arithmetic of how much a fleet may do a second. A bucket fills at its rate and may be
 * overdrawn: whoever takes is told how long to wait until the debt is paid, so nobody asks twice
 * and all who take share one rate. A store that asks to be left alone is left alone by everybody.
 */

export interface Bucket {
  /** What may be taken at once; negative while what was taken is not paid. */
  readonly level: number;
  /** When the level was true, milliseconds since the epoch. */
  readonly at: number;
}

export interface Taken {
  readonly bucket: Bucket;
  /** Milliseconds until what was taken is paid. */
  readonly waitMs: number;
}

/** So much of a second's rate is saved up while nobody takes: little, since it comes on top of a limit. */
export const SAVED_SECONDS = 0.5;

/** What a full bucket holds; at least one, or a single request could never be free. */
export function fullLevel(perSecond: number): number {
  return Math.max(1, perSecond * SAVED_SECONDS);
}

/** @param bucket null for one that nobody took of yet, which is full. @param perSecond above 0. */
export function take(bucket: Bucket | null, perSecond: number, amount: number, now: number): Taken {
  const full = fullLevel(perSecond);
  // A clock that was set back fills nothing.
  const filled = bucket === null ? full : bucket.level + (Math.max(0, now - bucket.at) * perSecond) / 1_000;
  const level = Math.min(full, filled) - amount;
  const waitMs = level < 0 ? Math.ceil((-level * 1_000) / perSecond) : 0;
  return { bucket: { level, at: Math.max(now, bucket?.at ?? now) }, waitMs };
}

const SMALLEST_GRANT = 4 * 1_024;
const LARGEST_GRANT = 256 * 1_024;
const GRANTS_A_SECOND = 64;

/** How many bytes of a body pass between two takes: few enough that many bodies share a low rate evenly. */
export function grantBytes(perSecond: number): number {
  return Math.round(Math.min(LARGEST_GRANT, Math.max(SMALLEST_GRANT, perSecond / GRANTS_A_SECOND)));
}

/** That a store asked to be left alone. */
export interface Pause {
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** How often in a row it asked without saying for how long. */
  readonly strikes: number;
}

export const FIRST_PAUSE_MS = 500;
export const LONGEST_PAUSE_MS = 60_000;
/** Of what a store asks for: more would look like a fleet that stands still. */
export const LONGEST_ASKED_MS = 3_600_000;
/** A store that did not ask again for so long begins anew. */
export const FORGIVEN_MS = 30_000;

/**
 * @param askedMs what the store asked for; null when it only refused.
 * Refusals that come while everybody waits already were under way: they count once, not once for each worker.
 */
export function pauseAfter(pause: Pause | null, askedMs: number | null, now: number): Pause {
  const isSame = pause !== null && now < pause.until;
  const isAgain = pause !== null && now < pause.until + FORGIVEN_MS;
  const strikes = isSame ? pause.strikes : isAgain ? pause.strikes + 1 : 1;
  if (isSame && askedMs === null) return pause;
  const pauseMs =
    askedMs === null
      ? Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(strikes - 1, 20))
      : Math.min(LONGEST_ASKED_MS, askedMs);
  return { until: Math.max(pause?.until ?? 0, now + pauseMs), strikes };
}
