/**
 * Hints: turns change events into candidates. Names wait until they settle, are compared
 * with the archive (so that our own writes end here, invariant 11), and only what differs
 * is marked. Lost events are not this module's business: the scan is the safety net.
 */
import { mapLimit } from '#core/map-limit.ts';
import type { Name } from '#core/name.ts';
import { type LocalState, sameLocalFacts } from '#core/state.ts';
import type { Archive } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { Pair } from '#ports/pair.ts';
import type { PairSides } from '#ports/sides.ts';
import { settledAt } from './settle.ts';

export interface HintDeps {
  readonly archive: Archive;
  readonly queue: JobQueue;
  readonly clock: Clock;
  readonly settleMs: number;
}

/** Together they share one opened folder. */
const PROBES_AT_ONCE = 16;
/** About as long as a job of small files takes: by then what a worker did here is acknowledged, mostly. */
const BEING_CHANGED_MS = 1_000;

/**
 * Judges names that events spoke of. What a worker of ours is changing right now is judged later: it looks like a
 * change of its user's until it is acknowledged, and nothing is decided on it before that anyway.
 * @returns names still being written, with the time (milliseconds since the epoch) to judge them again.
 * @throws HoldfastError when the folder itself is gone.
 */
export async function judgeHints(
  pair: Pair,
  sides: PairSides,
  names: readonly Name[],
  deps: HintDeps,
): Promise<ReadonlyMap<Name, number>> {
  const ours = await deps.archive.beingChangedHere(pair.id, names);
  const again = deps.clock.now() + BEING_CHANGED_MS;
  const unsettled = new Map([...ours].map((name) => [name, again]));
  const differing: Name[] = [];
  const vanished: Name[] = [];
  const entries = await deps.archive.load(
    pair.id,
    names.filter((name) => !ours.has(name)),
  );
  const looks = await mapLimit(entries, PROBES_AT_ONCE, async (entry) => {
    return { entry, probed: await sides.folder.probe(entry.name) };
  });
  for (const { entry, probed } of looks) {
    if (probed.result === 'in-commit') continue;
    const live: LocalState = probed.result === 'state' ? probed.state : { kind: 'absent' };
    if (sides.isExcluded(entry.name, live.kind === 'directory' || entry.local.kind === 'directory')) continue;
    if (probed.result === 'state' && sameLocalFacts(live, entry.local, 'with-ctime')) continue;
    const settles = settledAt(live, deps.settleMs, deps.clock.now());
    if (settles > deps.clock.now()) unsettled.set(entry.name, settles);
    else differing.push(entry.name);
    if (entry.local.kind === 'directory' && live.kind !== 'directory') vanished.push(entry.name);
  }
  // A directory goes with all that is below it, of which no event tells.
  for (const name of vanished) await deps.archive.markBelow(pair.id, 'local', name);
  if (differing.length > 0) {
    await deps.archive.mark(pair.id, 'local', differing);
    await deps.queue.wake(pair.volume, pair.id);
  }
  return unsettled;
}
