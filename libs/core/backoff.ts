/** Backoff: growing, jittered delay before the next attempt. Randomness comes in as an argument. */

export interface BackoffPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
}

export const RETRY_BACKOFF: BackoffPolicy = { firstMs: 500, maxMs: 300_000 };

/**
 * @param attempt 1 for the first failure.
 * @param random uniform in [0, 1).
 * @returns milliseconds: doubling from `firstMs`, capped, and spread over its upper half so that a fleet does not return at once.
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: number): number {
  const full = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(full / 2 + (full / 2) * random);
}
