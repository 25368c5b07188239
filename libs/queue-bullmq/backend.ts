/**
 * Backend: what the job queue needs from the server below BullMQ. Redis is the production
 * one, PostgreSQL serves machines without Redis; nothing above this interface knows which.
 */
import type { Processor, Queue, Telemetry as Tracing, Worker } from 'bullmq';

export type QueueHandle = Pick<
  Queue,
  | 'add'
  | 'addBulk'
  | 'upsertJobScheduler'
  | 'removeJobScheduler'
  | 'getJobScheduler'
  | 'getJobSchedulers'
  | 'getJobCounts'
  | 'getJobs'
  | 'close'
>;

export type WorkerHandle = Pick<Worker, 'pause' | 'close'>;

export interface WorkerSettings {
  readonly concurrency: number;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
}

export interface OpenWorker {
  readonly worker: WorkerHandle;
  /** Closes connections that BullMQ leaves open; after the worker is closed. */
  release(): Promise<void>;
}

export interface Backend {
  /** `host:port` for messages; never with credentials (invariant 12). */
  readonly address: string;
  /** What to do when it cannot be reached: ends a sentence. */
  readonly advice: string;
  /** The failure below one that only says that retrying ended. */
  causeOf(thrown: unknown): unknown;
  /** @param onDead called when the handle will never work, and another one may. */
  openQueue(name: string, onDead: () => void): QueueHandle;
  openWorker(name: string, processor: Processor, settings: WorkerSettings): OpenWorker;
  /** Puts the sentinel where there is none, atomically. @returns whether it was missing. */
  placeSentinel(): Promise<boolean>;
  /** Names of all queues that some process uses; remembers `known` among them. */
  queueNames(known: readonly string[]): Promise<readonly string[]>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What carries traces from job to job; left out where there are none. */
export type { Tracing };

/** A job is gone once it ended, well or badly: nothing depends on retained jobs, and a kept one would block its id. */
export const JOB_OPTIONS = { removeOnComplete: true, removeOnFail: true } as const;

/** Settings that hold on every backend. */
export function workerOptions(settings: WorkerSettings) {
  return {
    concurrency: settings.concurrency,
    lockDuration: settings.lockDurationMs,
    stalledInterval: settings.stalledIntervalMs,
    // Work is idempotent: a job whose workers were killed again and again is still work to do.
    maxStalledCount: 1_000_000,
    drainDelay: 5,
    runRetryDelay: 2_000,
    // Without it BullMQ counts no finished job at all.
    metrics: { maxDataPoints: 60 * 24 },
  };
}
