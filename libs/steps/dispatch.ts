/**
 * Dispatch: hands a bounded window of a pair's decisions to the queue. The backlog stays in
 * the database, so a folder with a million new files neither fills the queue nor starves
 * another pair: the more jobs a pair has out, the later its next ones run.
 */
import type { Archive, DispatchedDecision } from '#ports/archive.ts';
import type { JobQueue, TransferJob } from '#ports/job-queue.ts';
import type { Pair } from '#ports/pair.ts';

/** Small items travel together so that queue and database cost per file stays small. */
const ITEMS_PER_JOB = 16;
const BYTES_PER_JOB = 8 * 1024 * 1024;
/** How long a job may wait in the queue before its decisions may be handed out again. */
const QUEUED_HOLD_MS = 60_000;

export interface DispatchDeps {
  readonly archive: Archive;
  readonly queue: JobQueue;
  /** Decisions of one pair that may be out at once. */
  readonly window: number;
}

/** @returns how many decisions went out. */
export async function dispatchDecisions(pair: Pair, deps: DispatchDeps): Promise<number> {
  const decisions = await deps.archive.dispatch(pair.id, deps.window, QUEUED_HOLD_MS);
  if (decisions.length === 0) return 0;
  const jobs = packJobs(pair.id, decisions).map((job, index) => ({ ...job, priority: 1 + index }));
  await deps.queue.transfer(pair.volume, jobs);
  return decisions.length;
}

/** Packs decisions into jobs in their given order; a large file rides alone. */
export function packJobs(pairId: number, decisions: readonly DispatchedDecision[]): readonly TransferJob[] {
  const jobs: TransferJob[] = [];
  let items: TransferJob['items'][number][] = [];
  let bytes = 0;
  const close = (): void => {
    if (items.length > 0) jobs.push({ pairId, items });
    items = [];
    bytes = 0;
  };
  for (const { name, serial, size } of decisions) {
    if (items.length >= ITEMS_PER_JOB || (items.length > 0 && bytes + size > BYTES_PER_JOB)) close();
    items.push({ name, serial });
    bytes += size;
  }
  close();
  return jobs;
}
