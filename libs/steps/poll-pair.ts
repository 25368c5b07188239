/**
 * Poll pair: one `poll` job. Polls, or leaves the listing out when the container provably
 * looks the same; probes disabled pairs whose cause may have been mended; sets the pace.
 */
import type { Clock } from '#ports/clock.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { Pair } from '#ports/pair.ts';
import type { PairSides } from '#ports/sides.ts';
import { assertContainer, type FingerprintMemory, maySkipListing, pollContainer } from './poll.ts';
import { nextPollMs, type PollPace } from './poll-pace.ts';
import { enablePair, guardPair, mendingSide, type PairDeps } from './with-pair.ts';

export interface PollPairDeps extends PairDeps {
  readonly queue: JobQueue;
  readonly clock: Clock;
  readonly pace: PollPace;
}

/** What one poller remembers of a pair; another poller starts without and lists once more. */
export interface PollMemory {
  readonly fingerprint: FingerprintMemory | undefined;
  readonly idlePolls: number;
}

export async function pollPair(
  pairId: number,
  memories: Map<number, PollMemory>,
  deps: PollPairDeps,
  signal: AbortSignal,
): Promise<void> {
  const pair = await deps.registry.loadPair(pairId);
  if (pair === null || pair.paused) {
    memories.delete(pairId);
    await deps.queue.unschedulePoll(pairId);
    return;
  }
  const memory = memories.get(pairId) ?? { fingerprint: undefined, idlePolls: 0 };
  try {
    const next = await guardPair(pair, deps, async () => {
      const sides = await deps.sides.open(pair);
      if (pair.disabled !== null) return mend(pair, sides, memory, deps);
      return pollActive(pair, sides, memory, deps, signal);
    });
    memories.set(pairId, next ?? { fingerprint: undefined, idlePolls: memory.idlePolls + 1 });
  } finally {
    const idlePolls = memories.get(pairId)?.idlePolls ?? 0;
    await deps.queue.schedulePoll(pairId, nextPollMs(pairId, idlePolls, deps.pace));
  }
}

async function pollActive(
  pair: Pair,
  sides: PairSides,
  memory: PollMemory,
  deps: PollPairDeps,
  signal: AbortSignal,
): Promise<PollMemory> {
  const startedAt = deps.clock.now();
  const isWanted = pair.pollWanted > pair.pollDone;
  const fingerprint = await assertContainer(pair, sides.store);
  const trusted = sides.store.capabilities.versions;
  if (!isWanted && trusted && maySkipListing(memory.fingerprint, fingerprint, startedAt)) {
    return { ...memory, idlePolls: memory.idlePolls + 1 };
  }
  const { candidates } = await pollContainer(pair, sides, deps, signal);
  const isSame = memory.fingerprint?.fingerprint === fingerprint;
  const firstSeenAt = isSame && memory.fingerprint !== undefined ? memory.fingerprint.firstSeenAt : startedAt;
  return {
    fingerprint: { fingerprint, firstSeenAt, listedAt: startedAt },
    idlePolls: candidates > 0 || isWanted ? 0 : memory.idlePolls + 1,
  };
}

async function mend(
  pair: Pair,
  sides: PairSides,
  memory: PollMemory,
  deps: PollPairDeps,
): Promise<PollMemory> {
  if (pair.disabled !== null && mendingSide(pair.disabled.code) === 'remote') {
    await assertContainer(pair, sides.store);
    await enablePair(pair, deps);
    await deps.queue.pollNow(pair.id);
    return { fingerprint: undefined, idlePolls: 0 };
  }
  return { ...memory, idlePolls: memory.idlePolls + 1 };
}
