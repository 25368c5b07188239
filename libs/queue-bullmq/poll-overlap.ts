/**
 * Poll overlap: a schedule is a fixed rate, so a container that takes longer to list than its
 * interval would be listed by ever more workers at once. While this process polls a pair,
 * further scheduled polls of it are dropped and an asked one runs afterwards.
 */
import type { Handler, PollJob } from '#ports/job-queue.ts';

/** @returns runs one poll, unless the pair is being polled; `asked` polls then run once more after it. */
export function withoutOverlap(
  handler: Handler<PollJob>,
): (job: PollJob, kind: 'scheduled' | 'asked', signal: AbortSignal) => Promise<void> {
  const askedMeanwhile = new Map<number, boolean>();
  return async (job, kind, signal) => {
    if (askedMeanwhile.has(job.pairId)) {
      if (kind === 'asked') askedMeanwhile.set(job.pairId, true);
      return;
    }
    try {
      do {
        askedMeanwhile.set(job.pairId, false);
        await handler(job, signal);
      } while (askedMeanwhile.get(job.pairId) === true && !signal.aborted);
    } finally {
      askedMeanwhile.delete(job.pairId);
    }
  };
}
