/**
 * Consumer: one BullMQ worker. A handler that throws loses its job, because the sweep makes
 * the work again from the database; only a job stopped by a drain goes back to the queue, so
 * that another process takes it at once.
 */
import { type Job, WaitingError } from 'bullmq';
import type { Clock } from '#ports/clock.ts';
import { asHoldfastError } from '#ports/errors.ts';
import type { Consumer } from '#ports/job-queue.ts';
import type { Log } from '#ports/log.ts';
import type { Telemetry } from '#ports/telemetry.ts';
import type { Backend, WorkerSettings } from './backend.ts';

/** How long a handler may take to notice that its signal was aborted. */
const ABORT_GRACE_MS = 1_000;
const CLOSE_BUDGET_MS = 2_000;

export interface ConsumerParts {
  readonly backend: Backend;
  readonly queueName: string;
  readonly settings: WorkerSettings;
  readonly clock: Clock;
  readonly log: Log;
  readonly telemetry?: Telemetry;
  onError(error: Error): void;
}

/** When a job could first have been taken, milliseconds since the epoch. */
export function waitsSince({ timestamp, opts }: Pick<Job, 'timestamp' | 'opts'>): number {
  return timestamp + (opts.delay ?? 0);
}

/** @param handle gets the job's name and data as they were added. */
export function startConsumer(
  parts: ConsumerParts,
  handle: (name: string, payload: unknown, signal: AbortSignal) => Promise<void>,
): Consumer {
  const { backend, queueName, clock, telemetry, onError } = parts;
  const log = parts.log.child({ queue: queueName });
  const stop = new AbortController();
  let isDraining = false;

  const process = async (job: Job, token?: string) => {
    // BullMQ may fetch one more job after it was told to stop.
    if (isDraining) return handBack(job, token);
    const takenAt = clock.now();
    const waitedMs = Math.max(0, takenAt - waitsSince(job));
    const ended = (outcome: 'done' | 'failed' | 'handed-back'): void =>
      telemetry?.tell({ kind: 'job-ended', queue: queueName, tookMs: clock.now() - takenAt, outcome });
    telemetry?.tell({ kind: 'job-taken', queue: queueName, waitedMs });
    try {
      await handle(job.name, job.data, stop.signal);
      ended('done');
    } catch (thrown) {
      ended(stop.signal.aborted ? 'handed-back' : 'failed');
      if (stop.signal.aborted) return handBack(job, token);
      const { code, message } = asHoldfastError(thrown);
      log.error({ code, job: job.name, error: message }, 'a job failed; the sweep makes its work again');
      throw thrown;
    }
  };
  const { worker, release } = backend.openWorker(queueName, process, parts.settings);

  const shutDown = async (budgetMs: number) => {
    isDraining = true;
    const idle = worker.pause().catch(onError);
    let isIdle = await within(clock, idle, budgetMs);
    if (!isIdle) {
      stop.abort();
      isIdle = await within(clock, idle, ABORT_GRACE_MS);
    }
    if (!isIdle) log.warn({}, 'running jobs did not end in time and are given up');
    // Forced: idle or given up, there is nothing left to wait for.
    await within(clock, worker.close(true).catch(onError), CLOSE_BUDGET_MS);
    await within(clock, release().catch(onError), CLOSE_BUDGET_MS);
  };
  let drained: Promise<void> | null = null;
  return {
    drain(budgetMs) {
      drained ??= shutDown(budgetMs);
      return drained;
    },
  };
}

async function handBack(job: Job, token: string | undefined): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}

/** @returns whether the work ended within the time; it is not stopped. */
async function within(clock: Clock, work: Promise<unknown>, ms: number): Promise<boolean> {
  const ended = new AbortController();
  const isInTime = await Promise.race([
    work.then(() => true),
    clock.sleep(ms, ended.signal).then(() => false),
  ]);
  ended.abort();
  return isInTime;
}
