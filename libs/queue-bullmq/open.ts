/**
 * Job queue on BullMQ. Every job is a hint, so each choice here favours going on over
 * keeping: jobs are removed when they end, a duplicate is dropped while one waits, and a
 * flushed server is simply filled again (design section 3).
 */
import type { Clock } from '#ports/clock.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Consumer, JobQueue } from '#ports/job-queue.ts';
import type { Log } from '#ports/log.ts';
import type { Telemetry } from '#ports/telemetry.ts';
import type { Backend, QueueHandle, Tracing } from './backend.ts';
import { startConsumer, waitsSince } from './consumer.ts';
import { errorReport } from './error-report.ts';
import { decodePair, decodeTransfer, encodeTransfer } from './payload.ts';
import { withoutOverlap } from './poll-overlap.ts';
import { postgresBackend } from './postgres-backend.ts';
import { redisBackend } from './redis-backend.ts';

const POLL = 'poll';
/** BullMQ adds a batch as a pipeline: larger ones block the server for everyone. */
const BATCH = 1_000;
/** Delayed wakes of one pair that fall into the same slot are one. */
const DELAY_SLOT_MS = 1_000;
/** A schedule whose next run lies further back has lost its job. */
const SCHEDULE_LATE_MS = 60_000;
/** So many of the jobs that come next are asked how long they wait. */
const ASKED_FOR_AGE = 1_000;
const STATES = ['waiting', 'prioritized', 'active', 'delayed'] as const;

export type QueueServer = { readonly redisUrl: string } | { readonly databaseUrl: string };

export interface JobQueueOptions {
  /** Keeps fleets that share a server apart; default `holdfast`. */
  readonly prefix?: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of jobs taken and ended; nobody when left out. */
  readonly telemetry?: Telemetry;
  /** Carries traces from job to job. */
  readonly tracing?: Tracing;
  /** A job whose worker does not renew its lock for this long is given to another; default 30 s. */
  readonly lockDurationMs?: number;
  /** How often jobs without a lock are looked for; default 15 s. */
  readonly stalledIntervalMs?: number;
}

/**
 * Connects, and prepares the server where it needs tables.
 * @throws HoldfastError queue-unreachable, configuration-invalid
 */
export async function openJobQueue(server: QueueServer, options: JobQueueOptions): Promise<JobQueue> {
  const onError = errorReport(options.log, options.clock);
  const backend = openBackend(server, options.prefix ?? 'holdfast', onError, options.tracing);
  const queue = new BullJobQueue(backend, options, onError);
  try {
    await queue.ping();
  } catch (thrown) {
    await backend.close();
    throw thrown;
  }
  return queue;
}

/** @throws HoldfastError configuration-invalid */
export function openBackend(
  server: QueueServer,
  prefix: string,
  onError: (error: Error) => void,
  tracing?: Tracing,
): Backend {
  if (!/^[A-Za-z0-9_-]+$/.test(prefix)) {
    throw new HoldfastError(
      'configuration-invalid',
      'HOLDFAST_QUEUE_PREFIX may hold letters, digits, - and _ only: choose one like holdfast.',
    );
  }
  const common = { prefix, onError, ...(tracing === undefined ? {} : { tracing }) };
  return 'redisUrl' in server
    ? redisBackend({ url: server.redisUrl, ...common })
    : postgresBackend({ url: server.databaseUrl, ...common });
}

class BullJobQueue implements JobQueue {
  readonly #backend: Backend;
  readonly #options: JobQueueOptions;
  readonly #onError: (error: Error) => void;
  readonly #queues = new Map<string, QueueHandle>();
  readonly #consumers: Consumer[] = [];
  #closed: Promise<void> | null = null;

  constructor(backend: Backend, options: JobQueueOptions, onError: (error: Error) => void) {
    this.#backend = backend;
    this.#options = options;
    this.#onError = onError;
  }

  async wake(
    volume: string,
    pairId: number,
    options: { delayMs?: number; force?: boolean } = {},
  ): Promise<void> {
    const queue = this.#queue(volumeQueue('candidates', volume));
    const delay = Math.max(0, Math.ceil(options.delayMs ?? 0));
    await this.#command(() =>
      queue.add(
        'wake',
        { pairId },
        { ...(delay > 0 ? { delay } : {}), ...this.#oneWake(pairId, delay, options) },
      ),
    );
  }

  /** A delayed wake has an id of its own: it must neither swallow an immediate one nor an earlier one. */
  #oneWake(pairId: number, delay: number, { force }: { force?: boolean }) {
    if (force === true) return {};
    if (delay === 0) return { deduplication: { id: `now-${pairId}`, keepLastIfActive: true } };
    const slot = Math.ceil((this.#options.clock.now() + delay) / DELAY_SLOT_MS);
    return { deduplication: { id: `later-${pairId}-${slot}` } };
  }

  async transfer(volume: string, jobs: Parameters<JobQueue['transfer']>[1]): Promise<void> {
    const queue = this.#queue(volumeQueue('transfer', volume));
    const bulk = jobs.map((job) => ({
      name: 'transfer',
      data: encodeTransfer(job),
      opts: { priority: job.priority },
    }));
    for (let start = 0; start < bulk.length; start += BATCH) {
      await this.#command(() => queue.addBulk(bulk.slice(start, start + BATCH)));
    }
  }

  async pollNow(pairId: number): Promise<void> {
    const deduplication = { id: `now-${pairId}`, keepLastIfActive: true };
    await this.#command(() => this.#queue(POLL).add('asked', { pairId }, { deduplication }));
  }

  async schedulePoll(pairId: number, everyMs: number): Promise<void> {
    const every = Math.max(1, Math.round(everyMs));
    const queue = this.#queue(POLL);
    const id = schedulerId(pairId);
    await this.#command(async () => {
      const now = this.#options.clock.now();
      const current = await queue.getJobScheduler(id);
      if (current?.every === every && (current.next ?? 0) > now - SCHEDULE_LATE_MS) return;
      // Without a start date the first run of an interval would be now.
      await queue.upsertJobScheduler(
        id,
        { every, startDate: now + every },
        { name: 'scheduled', data: { pairId } },
      );
    });
  }

  async unschedulePoll(pairId: number): Promise<void> {
    await this.#command(() => this.#queue(POLL).removeJobScheduler(schedulerId(pairId)));
  }

  async pollSchedules(): Promise<ReadonlyMap<number, number>> {
    const schedulers = await this.#command(() => this.#queue(POLL).getJobSchedulers());
    const found = new Map<number, number>();
    for (const { key, every } of schedulers) {
      const pairId = Number(/^pair-(\d+)$/.exec(key)?.[1]);
      if (Number.isSafeInteger(pairId) && every !== undefined) found.set(pairId, Number(every));
    }
    return found;
  }

  consumeCandidates: JobQueue['consumeCandidates'] = (volume, options, handler) =>
    this.#consume(volumeQueue('candidates', volume), options.concurrency, (_name, payload, signal) =>
      handler(decodePair(payload), signal),
    );

  consumeTransfers: JobQueue['consumeTransfers'] = (volume, options, handler) =>
    this.#consume(volumeQueue('transfer', volume), options.concurrency, (_name, payload, signal) =>
      handler(decodeTransfer(payload), signal),
    );

  consumePolls: JobQueue['consumePolls'] = (options, handler) => {
    const poll = withoutOverlap(handler);
    return this.#consume(POLL, options.concurrency, (name, payload, signal) =>
      poll(decodePair(payload), name === 'asked' ? 'asked' : 'scheduled', signal),
    );
  };

  async continuity(): Promise<'kept' | 'lost'> {
    return (await this.#command(() => this.#backend.placeSentinel())) ? 'lost' : 'kept';
  }

  async ping(): Promise<void> {
    await this.#command(() => this.#backend.ping());
    // Named again each time, since a flushed server forgets which queues to show.
    await this.#command(() => this.#backend.queueNames([...this.#queues.keys()]));
  }

  async waits(): ReturnType<JobQueue['waits']> {
    return this.#ofEachQueue(async (queue) => {
      const next = await this.#queue(queue).getJobs(['waiting', 'prioritized'], 0, ASKED_FOR_AGE - 1, true);
      const since = next.map(waitsSince);
      const oldestMs = since.length === 0 ? 0 : Math.max(0, this.#options.clock.now() - Math.min(...since));
      return [{ queue, oldestMs }];
    });
  }

  async depths(): ReturnType<JobQueue['depths']> {
    return this.#ofEachQueue(async (queue) => {
      const counts = await this.#queue(queue).getJobCounts(...STATES);
      return STATES.map((state) => ({ queue, state, jobs: counts[state] ?? 0 }));
    });
  }

  #ofEachQueue<Row>(look: (queue: string) => Promise<readonly Row[]>): Promise<readonly Row[]> {
    return this.#command(async () => {
      const names = await this.#backend.queueNames([...this.#queues.keys()]);
      return (await Promise.all([...names].sort().map(look))).flat();
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  async #shutDown(): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.drain(0)));
    await Promise.all([...this.#queues.values()].map((queue) => queue.close().catch(this.#onError)));
    await this.#backend.close();
  }

  #queue(name: string): QueueHandle {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const queue = this.#backend.openQueue(name, () => {
      if (this.#queues.get(name) === queue) this.#queues.delete(name);
    });
    this.#queues.set(name, queue);
    return queue;
  }

  #consume(
    queueName: string,
    concurrency: number,
    handle: (name: string, payload: unknown, signal: AbortSignal) => Promise<void>,
  ): Consumer {
    const { clock, log, telemetry, lockDurationMs = 30_000, stalledIntervalMs = 15_000 } = this.#options;
    this.#queue(queueName);
    telemetry?.tell({ kind: 'worker-started', queue: queueName, concurrency });
    const consumer = startConsumer(
      {
        backend: this.#backend,
        queueName,
        settings: { concurrency, lockDurationMs, stalledIntervalMs },
        clock,
        log,
        ...(telemetry === undefined ? {} : { telemetry }),
        onError: this.#onError,
      },
      handle,
    );
    this.#consumers.push(consumer);
    return consumer;
  }

  async #command<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      if (thrown instanceof HoldfastError) throw thrown;
      const { address, advice } = this.#backend;
      throw new HoldfastError(
        'queue-unreachable',
        `The queue at ${address} does not answer (${reasonOf(this.#backend.causeOf(thrown))}): ${advice}.`,
        { cause: thrown },
      );
    }
  }
}

function volumeQueue(kind: 'candidates' | 'transfer', volume: string): string {
  if (!/^[A-Za-z0-9-]+$/.test(volume)) {
    throw new HoldfastError(
      'usage',
      `"${volume}" cannot be the name of a volume: use letters, digits and - only.`,
    );
  }
  return `${kind}.${volume}`;
}

function schedulerId(pairId: number): string {
  return `pair-${pairId}`;
}

/** The innermost cause in a few words; client libraries put connection strings into none of these. */
function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return reasonOf(thrown.errors[0]);
  if (!(thrown instanceof Error)) return String(thrown);
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : null;
  return code ?? thrown.message;
}
