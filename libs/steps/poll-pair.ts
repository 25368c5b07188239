/**
 * Poll pair: one `poll` job. Polls, or leaves the listing out when the container provably
 * looks the same; probes disabled pairs whose cause may have been mended; sets the pace.
 */
import { generationToTell } from '#core/generation.ts';
import type { Clock } from '#ports/clock.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import type { Pair } from '#ports/pair.ts';
import type { PairSides } from '#ports/sides.ts';
import type { Telemetry } from '#ports/telemetry.ts';
import { assertContainer } from './continuity.ts';
import { dropLeftUploads } from './left-uploads.ts';
import { type FingerprintMemory, maySkipListing, pollContainer } from './poll.ts';
import { nextPollMs, notifiedPace, PATIENT_POLLS, type PollPace } from './poll-pace.ts';
import { enablePair, guardPair, mendingSide, type PairDeps } from './with-pair.ts';

export interface PollPairDeps extends PairDeps {
  readonly queue: JobQueue;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly pace: PollPace;
  /** Whether the store tells of the pair's changes by itself; left out where it cannot. */
  readonly notices?: { isFlowing(pairId: number): boolean };
}

/** What one poller remembers of a pair; another poller starts without and lists once more. */
export interface PollMemory {
  readonly fingerprint: FingerprintMemory | undefined;
  readonly idlePolls: number;
  /** The container takes no generation: it is not told again. */
  readonly isDeaf: boolean;
  /** When this poller dropped uploads that never ended; null: not yet. */
  readonly droppedUploadsAt: number | null;
}

/** A disabled pair is looked at this often at least, so that it goes on soon after its cause ended. */
const MEND_MS = 30_000;

/**
 * A pair that this poller knows nothing of counts as one that has rested: were all that a restarted poller meets
 * polled like busy ones, a thousand of them would take a core. What changed meanwhile the first poll finds.
 */
const NO_MEMORY: PollMemory = {
  fingerprint: undefined,
  idlePolls: PATIENT_POLLS,
  isDeaf: false,
  droppedUploadsAt: null,
};

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
  const memory = memories.get(pairId) ?? NO_MEMORY;
  let { maxMs } = deps.pace;
  try {
    const next = await guardPair(pair, deps, async () => {
      const sides = await deps.sides.open(pair);
      if (pair.disabled !== null) return mend(pair, sides, memory, deps);
      return pollActive(pair, sides, memory, deps, signal);
    });
    if (next === null || pair.disabled !== null) maxMs = Math.min(maxMs, MEND_MS);
    memories.set(pairId, next ?? { ...NO_MEMORY, idlePolls: memory.idlePolls + 1 });
  } finally {
    const idlePolls = memories.get(pairId)?.idlePolls ?? 0;
    const pace = notifiedPace({ ...deps.pace, maxMs }, idlePolls, deps.notices?.isFlowing(pairId) === true);
    await deps.queue.schedulePoll(pairId, nextPollMs(pairId, idlePolls, pace));
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
  const { fingerprint } = await assertContainer(pair, sides.store, deps.registry);
  const isDeaf = memory.isDeaf || (await tellContainer(pair, sides.store, deps)) === 'deaf';
  const trusted = sides.store.capabilities.versions;
  if (!isWanted && trusted && maySkipListing(memory.fingerprint, fingerprint, startedAt)) {
    return { ...memory, isDeaf, idlePolls: memory.idlePolls + 1 };
  }
  const { candidates } = await pollContainer(pair, sides, deps, signal);
  deps.telemetry.tell({ kind: 'polled', tookMs: deps.clock.now() - startedAt, drift: candidates });
  const isSame = memory.fingerprint?.fingerprint === fingerprint;
  const droppedUploadsAt = await dropLeftUploads(sides.store, memory.droppedUploadsAt, startedAt, deps.log);
  const firstSeenAt = isSame && memory.fingerprint !== undefined ? memory.fingerprint.firstSeenAt : startedAt;
  return {
    fingerprint: { fingerprint, firstSeenAt, listedAt: startedAt },
    idlePolls: candidates > 0 || isWanted ? 0 : memory.idlePolls + 1,
    isDeaf,
    droppedUploadsAt,
  };
}

/**
 * Tells the container the pair's generation when it moved (core/generation.ts). Loaded anew right before: told very
 * late, an earlier one would make the container look restored. Looked at again before the database hears of it: one
 * restored right before it was told lacks what it was told last, and would look as recent as that later on.
 */
async function tellContainer(pair: Pair, store: ObjectStore, deps: PollPairDeps): Promise<'told' | 'deaf'> {
  if (generationToTell(pair.generations) === null) return 'told';
  const now = (await deps.registry.loadPair(pair.id)) ?? pair;
  const generation = generationToTell(now.generations);
  if (generation === null) return 'told';
  if (!(await store.tell(generation))) return 'deaf';
  await assertContainer(now, store, deps.registry);
  await deps.registry.confirmGeneration(pair.id, 'remote', { number: generation.number, stamp: null });
  return 'told';
}

async function mend(
  pair: Pair,
  sides: PairSides,
  memory: PollMemory,
  deps: PollPairDeps,
): Promise<PollMemory> {
  if (pair.disabled !== null && mendingSide(pair.disabled.code) === 'remote') {
    await assertContainer(pair, sides.store, deps.registry);
    await enablePair(pair, deps);
    return NO_MEMORY;
  }
  return { ...memory, idlePolls: memory.idlePolls + 1 };
}
