/**
 * Guard deletes: judges the deletes of a pair that wait at the gate, together and only when
 * no more of them are on their way (invariant 7). They go, or they are held until an operator
 * answers; a held one is decided anew when something happens to its name.
 */
import {
  areFewDeletes,
  type DeleteCounts,
  type DeleteHoldPolicy,
  fleetStop,
  judgeDeletes,
  settlesInMs,
} from '#core/delete-hold.ts';
import type { Archive } from '#ports/archive.ts';
import type { Log } from '#ports/log.ts';
import type { Pair } from '#ports/pair.ts';

/** What the judgement waits for is looked at again this soon. */
const AGAIN_MS = 1_000;
/** While the deletes of the whole fleet are stopped. */
const STOPPED_MS = 5_000;

export interface GuardDeps {
  readonly archive: Archive;
  readonly log: Log;
  readonly deleteHold: DeleteHoldPolicy;
}

/** @returns milliseconds after which to judge again; null when nothing waits for time to pass. */
export async function guardDeletes(pair: Pair, deps: GuardDeps): Promise<number | null> {
  const { archive, deleteHold } = deps;
  const waiting = await archive.waitingDeletes(pair.id);
  if (waiting.heldSince !== null) {
    await tendHold(pair, deps);
    return null;
  }
  if (waiting.local === null && waiting.remote === null) return null;
  // A name that is marked again and again while its delete waits would keep all of them waiting.
  await archive.lookAgainAtDeletes(pair.id);
  if (fleetStop(await archive.unansweredHolds(), deleteHold).length > 0) return STOPPED_MS;
  const goesInMs = settlesInMs(waiting, deleteHold.quiet, 'go');
  if (goesInMs > 0) return goesInMs;

  const { windowMs } = deleteHold;
  const counts = await archive.countDeletes(pair.id, { windowMs, names: deleteHold.names + 1 });
  const verdict = areFewDeletes(counts, deleteHold)
    ? 'go'
    : judgeDeletes(counts, await archive.countRenames(pair.id, windowMs), deleteHold);
  if (verdict === 'go') return (await archive.letDeletesGo(pair.id, counts.waiting)) ? null : AGAIN_MS;
  if (verdict === 'wait') return AGAIN_MS;
  const holdsInMs = settlesInMs(waiting, deleteHold.quiet, 'hold');
  if (holdsInMs > 0) return holdsInMs;
  await hold(pair, counts, deps);
  return null;
}

async function tendHold(pair: Pair, deps: GuardDeps): Promise<void> {
  const { archive, log } = deps;
  await archive.lookAgainAtDeletes(pair.id);
  if (!(await archive.endHold(pair.id))) return;
  log.info({ pair: pair.name }, 'nothing is left of the held deletes');
  await tell(pair, 'recovered', 'nothing is left of the deletes that were held', deps);
}

async function hold(pair: Pair, { waiting, deleted, names }: DeleteCounts, deps: GuardDeps): Promise<void> {
  const { archive, log, deleteHold } = deps;
  if (!(await archive.holdDeletes(pair.id))) return;
  const before = deleted > 0 ? ` after ${deleted} that were let go` : '';
  const share = names > 0 ? `of ${names} names` : 'all that there is';
  const text = `deletes are held until an operator answers: ${waiting}${before}, ${share}`;
  log.warn({ pair: pair.name, waiting, deleted, names }, text);
  await tell(pair, 'problem', text, deps);
  const together = fleetStop(await archive.unansweredHolds(), deleteHold);
  if (together.length === 0) return;
  await archive.takeBackDeletes();
  const stopped = `the deletes of all pairs are stopped: those of ${together.length} pairs were held one soon after the other`;
  log.error({ pairs: together.map(({ pairId }) => pairId) }, stopped);
  await tell(pair, 'problem', stopped, deps);
}

async function tell(
  pair: Pair,
  kind: 'problem' | 'recovered',
  text: string,
  { archive }: GuardDeps,
): Promise<void> {
  await archive.appendHistory(pair.id, [{ name: null, kind, side: null, serial: null, text }]);
}
