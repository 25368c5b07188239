/**
 * PostgreSQL backend: BullMQ's own tables in the schema `bullmq` of the state database, for
 * machines without Redis. Queue names carry the prefix, since BullMQ ignores its own there.
 */
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
import { type Backend, JOB_OPTIONS, type Tracing, workerOptions } from './backend.ts';

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
    openQueue(name) {
      const queue = new Queue(
        `${prefix}.${name}`,
        { connection: asBullPool(producers), defaultJobOptions: JOB_OPTIONS, ...traced },
        createPostgresBackend,
      );
      queue.on('error', onError);
      return queue;
    },
    openWorker(name: string, processor: Processor, settings) {
      // One connection listens for as long as the worker lives, two work.
      const pool = makePool(3);
      const worker = new Worker(
        `${prefix}.${name}`,
        processor,
        { ...workerOptions(settings), ...traced, connection: asBullPool(pool) },
        createPostgresBackend,
      );
      worker.on('error', onError);
      return { worker, release: () => pool.end() };
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
