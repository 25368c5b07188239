/**
 * With pair: the frame around every job. Loads the pair, leaves paused and disabled ones
 * alone, opens its sides, and turns an error of the whole pair into its disabling with a
 * reason, or into a union where a side went back in time (invariant 6), so that one bad
 * pair never stops a process (invariant 9).
 */
import type { Archive, HistoryEventKind } from '#ports/archive.ts';
import { asHoldfastError, type ErrorCode, type HoldfastError } from '#ports/errors.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { Log } from '#ports/log.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import type { PairSides, Sides } from '#ports/sides.ts';
import { Restored } from './continuity.ts';
import { remedyOf } from './remedy.ts';

export interface PairDeps {
  readonly registry: Registry;
  readonly archive: Archive;
  readonly queue: JobQueue;
  readonly sides: Sides;
  readonly log: Log;
}

const ON_FOLDER: readonly ErrorCode[] = ['folder-missing', 'folder-denied', 'folder-unmarked'];

/**
 * Which side to look at again, to enable a disabled pair without an operator: any cause ends with the very folder and
 * container being there again.
 */
export function mendingSide(code: ErrorCode): 'local' | 'remote' {
  return ON_FOLDER.includes(code) ? 'local' : 'remote';
}

/** @returns what `run` gave, or null when the pair is gone, paused or disabled, or was disabled just now. */
export async function withPair<Result>(
  pairId: number,
  deps: PairDeps,
  run: (pair: Pair, sides: PairSides) => Promise<Result>,
): Promise<Result | null> {
  const pair = await deps.registry.loadPair(pairId);
  if (pair === null || pair.paused || pair.disabled !== null) return null;
  return guardPair(pair, deps, async () => run(pair, await deps.sides.open(pair)));
}

/** Runs something for a pair; an error of grade pair ends work on it and gives null, any other is thrown on. */
export async function guardPair<Result>(
  pair: Pair,
  deps: PairDeps,
  run: () => Promise<Result>,
): Promise<Result | null> {
  try {
    return await run();
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.grade !== 'pair') throw thrown;
    if (error instanceof Restored) await unite(pair, error, deps);
    else await disablePair(pair, error, deps);
    return null;
  }
}

async function disablePair(pair: Pair, error: HoldfastError, deps: PairDeps): Promise<void> {
  const reason = `${error.message}; ${remedyOf(error.code, pair.name)}`;
  const changed = await deps.registry.disable(pair.id, error.code, reason);
  if (!changed) return;
  deps.log.warn({ pair: pair.name, code: error.code }, `pair disabled: ${reason}`);
  await note(pair, 'failed', `disabled (${error.code}): ${reason}`, deps);
}

async function unite(pair: Pair, { code, message, union }: Restored, deps: PairDeps): Promise<void> {
  if (!(await deps.registry.startUnion(pair.id, union))) return;
  deps.log.warn({ pair: pair.name, code }, `both sides are united again: ${message}`);
  await note(pair, 'recovered', `${message}; both sides are united: nothing is deleted`, deps);
  await deps.queue.pollNow(pair.id);
}

/** Enables a pair whose cause is mended, with a full scan and poll. */
export async function enablePair(pair: Pair, deps: Omit<PairDeps, 'sides'>): Promise<void> {
  if (!(await deps.registry.enable(pair.id))) return;
  deps.log.info({ pair: pair.name }, 'pair works again');
  await note(pair, 'recovered', 'works again; a full scan and poll follow', deps);
  await deps.queue.pollNow(pair.id);
}

async function note(
  pair: Pair,
  kind: HistoryEventKind,
  text: string,
  { archive }: Pick<PairDeps, 'archive'>,
): Promise<void> {
  await archive.appendHistory(pair.id, [{ name: null, kind, side: null, serial: null, text }]);
}
