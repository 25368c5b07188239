/**
 * PostgreSQL backend: BullMQ's own tables in the schema `bullmq` of the state database, for
 * machines without Redis. Queue names carry the prefix, since BullMQ ignores its own there.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import {
  createPostgresBackend,
  DEFAULT_SCHEMA,
  type PgPool,
  type PgPoolClient,
  type Processor,
  Queue,
  runMigrations,
  Worker,
} from 'bullmq';
import pg from 'pg';
import { HoldfastError } from '#ports/errors.ts';
import { type Backend, JOB_OPTIONS, type Tracing, type WorkerHandle, workerOptions } from './backend.ts';

/** Between two attempts of a worker to connect. */
const RECONNECT_MS = 1_000;
const SENTINELS = `${DEFAULT_SCHEMA}.holdfast_sentinel`;

export interface PostgresBackendOptions {
  readonly url: string;
  readonly prefix: string;
  readonly tracing?: Tracing;
  onError(error: Error): void;
}

/** @throws HoldfastError configuration-invalid when the URL cannot be read */
export function postgresBackend({ url, prefix, tracing, onError }: PostgresBackendOptions): Backend {
  const address = addressOf(url);
  const makePool = (max: number) => {
    const pool = new pg.Pool({
      connectionString: url,
      max,
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
      // BullMQ leaves the search path of a pool that it did not make to its maker.
      options: `-c search_path=${DEFAULT_SCHEMA}`,
    });
    pool.on('error', onError);
    // While BullMQ has one of them in hand, nobody else listens.
    pool.on('connect', (client) => client.on('error', onError));
    // BullMQ adds a listener for each queue.
    pool.setMaxListeners(0);
    return pool;
  };
  const traced = tracing === undefined ? {} : { telemetry: tracing };
  const producers = makePool(3);
  let prepared: Promise<void> | null = null;
  const prepare = () => {
    prepared ??= createTables(producers).catch((thrown) => {
      prepared = null;
      throw thrown;
    });
    return prepared;
  };
  return {
    address,
    advice: 'start PostgreSQL there or correct DATABASE_URL',
    causeOf: (thrown) => thrown,
    openQueue(name, onDead) {
      const queue = new Queue(
        `${prefix}.${name}`,
        { connection: asBullPool(producers), defaultJobOptions: JOB_OPTIONS, ...traced },
        createPostgresBackend,
      );
      queue.on('error', onError);
      queue.waitUntilReady().catch(onDead);
      return queue;
    },
    openWorker(name: string, processor: Processor, settings) {
      // One connection listens for as long as the worker lives, two work.
      const pool = makePool(3);
      const open = () => {
        const worker = new Worker(
          `${prefix}.${name}`,
          processor,
          { ...workerOptions(settings), ...traced, connection: asBullPool(pool), autorun: false },
          createPostgresBackend,
        );
        worker.on('error', onError);
        return worker;
      };
      return { worker: startedWorker(open, onError), release: () => pool.end() };
    },
    async placeSentinel() {
      await prepare();
      const placed = await producers.query(
        `INSERT INTO ${SENTINELS} (prefix) VALUES ($1) ON CONFLICT DO NOTHING`,
        [prefix],
      );
      return placed.rowCount === 1;
    },
    async queueNames(known) {
      await prepare();
      const { rows } = await producers.query<{ queue: string }>(
        `SELECT DISTINCT queue FROM ${DEFAULT_SCHEMA}.meta WHERE starts_with(queue, $1)`,
        [`${prefix}.`],
      );
      return [...new Set([...known, ...rows.map((row) => row.queue.slice(prefix.length + 1))])];
    },
    async ping() {
      await prepare();
      await producers.query('SELECT 1');
    },
    close: () => producers.end(),
  };
}

/** Safe when several processes start at once: BullMQ's migration holds an advisory lock, and so do we. */
async function createTables(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client as unknown as PgPoolClient);
    await client.query('BEGIN');
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('${SENTINELS}'))`);
    await client.query(
      `CREATE TABLE IF NOT EXISTS ${SENTINELS} (prefix text PRIMARY KEY, placed_at timestamptz NOT NULL DEFAULT now())`,
    );
    await client.query('COMMIT');
    client.release();
  } catch (thrown) {
    client.release(true);
    throw thrown;
  }
}

type OpenedWorker = Pick<Worker, 'waitUntilReady' | 'run' | 'pause' | 'close'>;

/**
 * A worker of BullMQ keeps the failure of its first connection for ever: it would ask again and again without a pause,
 * and nothing else in the process would get its turn. So it runs once it is connected, and another one tries until then.
 */
function startedWorker(open: () => OpenedWorker, onError: (error: Error) => void): WorkerHandle {
  const stop = new AbortController();
  const connect = async (): Promise<OpenedWorker | null> => {
    while (!stop.signal.aborted) {
      const worker = open();
      try {
        await worker.waitUntilReady();
        return worker;
      } catch {
        // It told of it as its error.
        await worker.close(true).catch(onError);
        await sleep(RECONNECT_MS, undefined, { signal: stop.signal }).catch(() => {});
      }
    }
    return null;
  };
  const started = connect();
  started.then((worker) => (stop.signal.aborted ? undefined : worker?.run())).catch(onError);
  return {
    async pause() {
      stop.abort();
      await (await started)?.pause();
    },
    async close(force) {
      stop.abort();
      await (await started)?.close(force);
    },
  };
}

// BullMQ names the same methods, but its overloads and those of @types/pg do not match.
function asBullPool(pool: pg.Pool): PgPool {
  return pool as unknown as PgPool;
}

function addressOf(url: string): string {
  try {
    const { protocol, hostname, port, searchParams } = new URL(url);
    if (protocol === 'postgres:' || protocol === 'postgresql:') {
      return `${hostname || searchParams.get('host') || 'localhost'}:${port || 5432}`;
    }
  } catch {
    // The parser's message would repeat the URL with its password.
  }
  throw new HoldfastError(
    'configuration-invalid',
    'DATABASE_URL is not a PostgreSQL URL: give one like postgresql://holdfast@localhost:5432/holdfast.',
  );
}
