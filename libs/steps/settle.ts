/** Settle: when a local file counts as no longer being written. */
import type { LocalState } from '#core/state.ts';

/**
 * ctime is looked at, not mtime: it moves with every write and no copying tool sets it back.
 * A ctime further ahead than `settleMs` comes from a clock that is not ours and is not waited for.
 * @returns milliseconds since the epoch; `now` or earlier when settled.
 */
export function settledAt(state: LocalState, settleMs: number, now: number): number {
  if (state.kind !== 'file') return now;
  const changedAt = Number(state.ctimeNs / 1_000_000n);
  return changedAt > now + settleMs ? now : changedAt + settleMs;
}
