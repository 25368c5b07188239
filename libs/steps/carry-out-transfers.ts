/**
 * Carry out transfers: one `transfer` job, and what keeps the window full afterwards. A
 * failure of the whole pair disables it; anything else comes back by the sweep.
 */
import type { JobQueue, TransferJob } from '#ports/job-queue.ts';
import { dispatchDecisions } from './dispatch.ts';
import { type TransferDeps, transferBatch } from './transfer.ts';
import { type PairDeps, withPair } from './with-pair.ts';

export interface CarryOutDeps extends PairDeps, TransferDeps {
  readonly queue: JobQueue;
  readonly window: number;
}

export async function carryOutTransfers(
  job: TransferJob,
  deps: CarryOutDeps,
  signal: AbortSignal,
): Promise<void> {
  await withPair(job.pairId, deps, async (pair, sides) => {
    const done = await transferBatch(pair, sides, job.items, deps, signal);
    if (signal.aborted) return;
    await dispatchDecisions(pair, deps);
    // Released names are candidates again, or due a little later: the decider sees to both.
    if (done.released > 0) await deps.queue.wake(pair.volume, pair.id);
    else if ((await deps.archive.candidates(pair.id, 1)).length > 0)
      await deps.queue.wake(pair.volume, pair.id, { delayMs: AFTER_BATCH_MS });
  });
}

/** Markings that waited for these decisions, and conflict copies, are worked on without waiting for a sweep. */
const AFTER_BATCH_MS = 100;
