/**
 * With pair: the frame around every job. Loads the pair, leaves paused and disabled ones
 * alone, opens its sides, and turns an error of the whole pair into its disabling with a
 * reason (invariant 6), so that one bad pair never stops a process (invariant 9).
 */
import type { Archive } from '#ports/archive.ts';
import { asHoldfastError, type ErrorCode, type HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import type { PairSides, Sides } from '#ports/sides.ts';

export interface PairDeps {
  readonly registry: Registry;
  readonly archive: Archive;
  readonly sides: Sides;
  readonly log: Log;
}

/** Conditions that end by themselves when the cause is mended, so that they are probed again on a schedule. */
const SELF_MENDING: readonly ErrorCode[] = [
  'folder-missing',
  'folder-denied',
  'credentials-refused',
  'container-missing',
  'secret-missing',
];
const ON_FOLDER: readonly ErrorCode[] = ['folder-missing', 'folder-denied', 'folder-unmarked'];

/** Whether looking again may enable the pair without an operator, and on which side to look. */
export function mendingSide(code: ErrorCode): 'local' | 'remote' | null {
  if (!SELF_MENDING.includes(code)) return null;
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

/** Runs something for a pair; an error of grade pair disables it and gives null, any other is thrown on. */
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
    await disablePair(pair, error, deps);
    return null;
  }
}

async function disablePair(pair: Pair, error: HoldfastError, deps: PairDeps): Promise<void> {
  const changed = await deps.registry.disable(pair.id, error.code, error.message);
  if (!changed) return;
  deps.log.warn({ pair: pair.name, code: error.code }, `pair disabled: ${error.message}`);
  const text = `disabled (${error.code}): ${error.message}`;
  await deps.archive.appendHistory(pair.id, [{ name: null, kind: 'failed', side: null, serial: null, text }]);
}

/** Enables a pair whose cause is mended, with a full scan and poll. */
export async function enablePair(pair: Pair, deps: Omit<PairDeps, 'sides'>): Promise<void> {
  if (!(await deps.registry.enable(pair.id))) return;
  deps.log.info({ pair: pair.name }, 'pair works again');
  await deps.archive.appendHistory(pair.id, [
    {
      name: null,
      kind: 'recovered',
      side: null,
      serial: null,
      text: 'works again; a full scan and poll follow',
    },
  ]);
}
