/**
 * Redis backend: two connections of ours, one for adding (fails within seconds), one for
 * workers (reconnects for ever). BullMQ duplicates the second once per worker to block on
 * and closes the copy; what we made, we disconnect, or the process would not end.
 */
import { type Processor, Queue, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { HoldfastError } from '#ports/errors.ts';
import { type Backend, JOB_OPTIONS, type Tracing, type WorkerSettings, workerOptions } from './backend.ts';

/** Longer than any blocking read (`drainDelay`, and BullMQ's cap of 10 s): a frozen server is left, a quiet one is not. */
const SOCKET_TIMEOUT_MS = 30_000;
const COMMAND_TIMEOUT_MS = 10_000;

const COMMON = {
  keepAlive: 10_000,
  socketTimeout: SOCKET_TIMEOUT_MS,
  connectTimeout: 5_000,
  retryStrategy: (attempt: number) => Math.min(100 * 2 ** Math.min(attempt, 5), 2_000),
} satisfies RedisOptions;

export interface RedisBackendOptions {
  readonly url: string;
  readonly prefix: string;
  readonly tracing?: Tracing;
  onError(error: Error): void;
}

/** @throws HoldfastError configuration-invalid when the URL cannot be read */
export function redisBackend({ url, prefix, tracing, onError }: RedisBackendOptions): Backend {
  const address = addressOf(url);
  const producer = new Redis(url, {
    ...COMMON,
    maxRetriesPerRequest: 2,
    commandTimeout: COMMAND_TIMEOUT_MS,
    lazyConnect: true,
  });
  const consumer = new Redis(url, { ...COMMON, maxRetriesPerRequest: null, lazyConnect: true });
  for (const client of [producer, consumer]) client.on('error', onError);
  let lastError: Error | null = null;
  producer.on('error', (error) => {
    lastError = error;
  });
  const traced = tracing === undefined ? {} : { telemetry: tracing };
  const sentinelKey = `${prefix}:sentinel`;
  const namesKey = `${prefix}:queues`;
  return {
    address,
    advice: 'start Redis there or correct REDIS_URL',
    causeOf: (thrown) => (isOutOfRetries(thrown) ? (lastError ?? thrown) : thrown),
    openQueue(name) {
      const queue = new Queue(name, {
        connection: producer,
        prefix,
        ...traced,
        defaultJobOptions: JOB_OPTIONS,
        // An add must fail when Redis is away, not wait for the queue to become ready.
        skipWaitingForReady: true,
        skipVersionCheck: true,
      });
      queue.on('error', onError);
      return queue;
    },
    openWorker(name: string, processor: Processor, settings: WorkerSettings) {
      const worker = new Worker(name, processor, {
        ...workerOptions(settings),
        ...traced,
        connection: consumer,
        prefix,
      });
      worker.on('error', onError);
      return { worker, release: async () => {} };
    },
    async placeSentinel() {
      return (await producer.set(sentinelKey, new Date().toISOString(), 'NX')) === 'OK';
    },
    async queueNames(known) {
      if (known.length > 0) await producer.sadd(namesKey, ...known);
      return producer.smembers(namesKey);
    },
    async ping() {
      await producer.ping();
    },
    async close() {
      producer.disconnect();
      consumer.disconnect();
    },
  };
}

function addressOf(url: string): string {
  try {
    const { protocol, hostname, port } = new URL(url);
    if (protocol === 'redis:' || protocol === 'rediss:') return `${hostname}:${port || 6379}`;
  } catch {
    // The parser's message would repeat the URL with its password.
  }
  throw new HoldfastError(
    'configuration-invalid',
    'REDIS_URL is not a Redis URL: give one like redis://localhost:6379.',
  );
}

function isOutOfRetries(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'MaxRetriesPerRequestError';
}
