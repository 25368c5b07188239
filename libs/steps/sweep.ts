/**
 * Sweep: re-enqueues what no job carries. It makes the queue a mere hint: whatever is lost,
 * cut or forgotten there, the database still lists as due, and the next sweep asks again
 * (design section 3).
 */
import { NO_SERIAL, type Serial } from '#core/serial.ts';
import type { Archive } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { Log } from '#ports/log.ts';
import type { Registry } from '#ports/registry.ts';
import { firstPollMs, type PollPace } from './poll-pace.ts';

/** Work that did not move for this long is asked for past any deduplication in the queue, which may have kept a stray key. */
const STUCK_MS = 30_000;
/** Poll schedules are compared with the pairs this often, and whenever the queue lost its contents. */
const SCHEDULES_MS = 60_000;

export interface SweepDeps {
  readonly archive: Archive;
  readonly registry: Registry;
  readonly queue: JobQueue;
  readonly clock: Clock;
  readonly log: Log;
  readonly pace: PollPace;
  /** Least time between two generations of a pair. */
  readonly generationMs: number;
}

/** What a sweeper remembers between sweeps; losing it costs nothing but time. */
export interface SweepMemory {
  /** Since when a pair's oldest candidate is the same; NO_SERIAL while only decisions wait. */
  readonly firstSeen: Map<number, { readonly marking: Serial; readonly at: number }>;
  schedulesCheckedAt: number;
}

export function newSweepMemory(): SweepMemory {
  return { firstSeen: new Map(), schedulesCheckedAt: Number.NEGATIVE_INFINITY };
}

export async function sweep(memory: SweepMemory, deps: SweepDeps): Promise<void> {
  const { archive, registry, queue, clock, log } = deps;
  if ((await queue.continuity()) === 'lost') {
    log.warn({}, 'the queue lost its jobs; every pair gets a full scan and poll');
    memory.schedulesCheckedAt = Number.NEGATIVE_INFINITY;
    await archive.forgetDispatched();
    await registry.requestSync(null);
    for (const pair of await registry.listPairs()) await queue.pollNow(pair.id);
  }
  await registry.beginGenerations(deps.generationMs);
  const now = clock.now();
  const due = await archive.work();
  for (const { pairId, volume, candidates, oldestMarking } of due) {
    const marking = candidates ? oldestMarking : NO_SERIAL;
    const seen = memory.firstSeen.get(pairId);
    const isSame = seen?.marking === marking;
    if (!isSame) memory.firstSeen.set(pairId, { marking, at: now });
    await queue.wake(volume, pairId, { force: isSame && now - seen.at > STUCK_MS });
  }
  const dueIds = new Set(due.map((work) => work.pairId));
  for (const pairId of memory.firstSeen.keys()) if (!dueIds.has(pairId)) memory.firstSeen.delete(pairId);
  if (now - memory.schedulesCheckedAt >= SCHEDULES_MS) {
    await alignPollSchedules(deps);
    memory.schedulesCheckedAt = now;
  }
}

/** Makes the schedules those of the pairs: one for each that is not paused, none for others. Disabled pairs stay scheduled, to be probed again. */
async function alignPollSchedules({ registry, queue, pace }: SweepDeps): Promise<void> {
  const pairs = await registry.listPairs();
  const schedules = await queue.pollSchedules();
  const wanted = new Set(pairs.filter((pair) => !pair.paused).map((pair) => pair.id));
  for (const id of wanted) if (!schedules.has(id)) await queue.schedulePoll(id, firstPollMs(id, pace));
  for (const id of schedules.keys()) if (!wanted.has(id)) await queue.unschedulePoll(id);
}
