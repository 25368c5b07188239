/**
 * Work on candidates: one `candidates` job. Judges deletes that wait, hands out decisions,
 * probes and decides one bounded batch, does the same with what that decided, and asks for
 * another job when more is left, so that other pairs get their turn in between (invariant 9).
 */
import type { Clock } from '#ports/clock.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { Alone } from './alone.ts';
import { type DecideResult, decideCandidates } from './decide-candidates.ts';
import { dispatchDecisions } from './dispatch.ts';
import { type GuardDeps, guardDeletes } from './guard-deletes.ts';
import { type PairDeps, withPair } from './with-pair.ts';

/** Candidates of one pair worked on before another pair's turn. */
const BATCH = 500;

const NOTHING_DECIDED: DecideResult = { taken: 0, decided: 0, laterAt: null };

export interface CandidatesDeps extends PairDeps, GuardDeps {
  readonly queue: JobQueue;
  readonly clock: Clock;
  readonly settleMs: number;
  readonly window: number;
}

/** @param alone shared by all jobs of the process. */
export async function workOnCandidates(pairId: number, deps: CandidatesDeps, alone: Alone): Promise<void> {
  await withPair(pairId, deps, async (pair, sides) => {
    let judgeInMs = await guardDeletes(pair, deps);
    await dispatchDecisions(pair, deps);
    const decided = await alone.on(pair.id, () => decideCandidates(pair, sides, BATCH, deps));
    const result = decided?.result ?? NOTHING_DECIDED;
    if (result.decided > 0) {
      judgeInMs = await guardDeletes(pair, deps);
      await dispatchDecisions(pair, deps);
    }
    if (judgeInMs !== null) await deps.queue.wake(pair.volume, pair.id, { delayMs: judgeInMs });
    if (result.taken >= BATCH || decided?.askedMeanwhile === true) {
      await deps.queue.wake(pair.volume, pair.id);
    } else if (result.laterAt !== null) {
      await deps.queue.wake(pair.volume, pair.id, {
        delayMs: Math.max(50, result.laterAt - deps.clock.now()),
      });
    }
  });
}
