/**
 * Delete hold: whether decided deletes may go, wait until more is known, or are so many that
 * only an operator may let them go (invariant 7). Judged from counts and ages alone. Waiting
 * costs time and letting go may cost content, so every doubt ends in waiting.
 */

export interface DeleteHoldPolicy {
  /** More than this share of a pair's names, in percent, and more than `names` of them are a mass delete. */
  readonly percent: number;
  readonly names: number;
  /** Deletes of the last so many milliseconds count together. */
  readonly windowMs: number;
  readonly quiet: QuietTimes;
  /** So many pairs held within `fleetWindowMs` of each other stop the deletes of all pairs; 0: never. */
  readonly fleetPairs: number;
  readonly fleetWindowMs: number;
}

/** Nothing goes until no further delete was decided for so many milliseconds, by the side where the names went away. */
export interface QuietTimes {
  readonly local: number;
  readonly remote: number;
  /** A hold waits so much longer than a go: what proves that deletes are renames may come last, and nothing happens meanwhile. */
  readonly doubt: number;
}

/**
 * An upstream delete waits for more than one poll: a container that is being emptied shows its next losses with the
 * next one. Here events tell at once.
 */
const QUIET_POLLS = 1.5;
const LEAST_QUIET_MS = 2_000;
const DOUBT_MS = 5_000;

/** @param settleMs how long a renamed file waits before it is looked at under its new name. */
export function quietTimes(settleMs: number, pollMs: number): QuietTimes {
  return {
    local: Math.max(LEAST_QUIET_MS, settleMs + 1_000),
    remote: Math.max(LEAST_QUIET_MS, QUIET_POLLS * pollMs),
    doubt: DOUBT_MS,
  };
}

/** Milliseconds since deletes that wait were decided. */
export interface WaitingAges {
  readonly youngestMs: number;
  readonly oldestMs: number;
}

/** By the side where the names went away; null where none did. */
export interface WaitingSides {
  readonly local: WaitingAges | null;
  readonly remote: WaitingAges | null;
}

/** Deletes that follow each other without a pause are not waited for longer than this. */
const PATIENCE_MS = 60_000;

/** @returns milliseconds until the deletes that wait count as complete; 0 when they do. */
export function settlesInMs(
  { local, remote }: WaitingSides,
  quiet: QuietTimes,
  verdict: 'go' | 'hold',
): number {
  const doubt = verdict === 'hold' ? quiet.doubt : 0;
  const left = (ages: WaitingAges | null, quietMs: number): number =>
    ages === null ? 0 : Math.min(quietMs + doubt - ages.youngestMs, PATIENCE_MS - ages.oldestMs);
  return Math.max(0, left(local, quiet.local), left(remote, quiet.remote));
}

/** Deletes that wait, and what they are measured by. */
export interface DeleteCounts {
  /** Decided, not let go yet. */
  readonly waiting: number;
  /** Names let go within the window that were not there again since, approved ones left out. */
  readonly deleted: number;
  /** Names that were synced and are about to be looked at: what may yet turn out to be deleted. */
  readonly suspects: number;
  /** Names of the pair as the window began: synced now, or `deleted`. 0 where the others together are too few to matter. */
  readonly names: number;
  /** Nothing would be left if all that waits and all suspects were deleted. */
  readonly isEmptied: boolean;
  /** Something marked before the last of these deletes was decided is not looked at yet. */
  readonly isUndecided: boolean;
}

/** How many of `waiting` and `deleted` are renames: their content appeared under another name of the same side. */
export interface RenameCounts {
  readonly certain: number;
  /** A new name has the size, and its content is still being read. */
  readonly possible: number;
}

export type DeleteVerdict = 'go' | 'wait' | 'hold';

/** From so many names on, taking away everything at once is a mass delete, however few they are. */
export const LEAST_EMPTIED = 5;

/** Whether the deletes may go even if every suspect is one and none is a rename. */
export function areFewDeletes(counts: DeleteCounts, policy: DeleteHoldPolicy): boolean {
  return !isMass(counts.waiting + counts.deleted + counts.suspects, counts, policy);
}

/** For deletes that are not few. @param renames null: not looked for. */
export function judgeDeletes(
  counts: DeleteCounts,
  renames: RenameCounts,
  policy: DeleteHoldPolicy,
): DeleteVerdict {
  const { waiting, deleted, suspects } = counts;
  const notRenamed = waiting + deleted - renames.certain;
  const certain = notRenamed - renames.possible;
  const proven = { ...counts, suspects: 0, isEmptied: counts.isEmptied && suspects === 0 };
  if (isMass(certain, proven, policy)) return counts.isUndecided ? 'wait' : 'hold';
  return isMass(notRenamed + suspects, counts, policy) ? 'wait' : 'go';
}

function isMass(
  deletes: number,
  { waiting, suspects, names, isEmptied }: DeleteCounts,
  policy: Pick<DeleteHoldPolicy, 'percent' | 'names'>,
): boolean {
  if (deletes > policy.names && deletes * 100 > policy.percent * names) return true;
  // Names that went one by one over the window, each let go, make the last of them no mass delete.
  return isEmptied && Math.min(deletes, waiting + suspects) >= LEAST_EMPTIED;
}

/** Since when a pair's deletes are held; milliseconds since the epoch. */
export interface UnansweredHold {
  readonly pairId: number;
  readonly since: number;
}

/**
 * Pairs whose holds together stop the deletes of the whole fleet: something that they share may be the cause.
 * @returns them in order of time; empty while nothing is stopped.
 */
export function fleetStop(
  holds: readonly UnansweredHold[],
  { fleetPairs, fleetWindowMs }: Pick<DeleteHoldPolicy, 'fleetPairs' | 'fleetWindowMs'>,
): readonly UnansweredHold[] {
  if (fleetPairs === 0) return [];
  const inOrder = holds.toSorted((a, b) => a.since - b.since);
  const causes = new Set<UnansweredHold>();
  for (let last = fleetPairs - 1; last < inOrder.length; last += 1) {
    const together = inOrder.slice(last - fleetPairs + 1, last + 1);
    const [first, latest] = [together[0], together.at(-1)];
    if (first === undefined || latest === undefined || latest.since - first.since > fleetWindowMs) continue;
    for (const hold of together) causes.add(hold);
  }
  return [...causes];
}
