/**
 * Connection: one pool of sessions, and what its errors mean. Statements are raw SQL with arrays
 * and go to the driver as they are: through Prisma's engine each would cost several times as much.
 * A transaction that lost against another one runs again as a whole.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { Telemetry } from '#ports/telemetry.ts';
import type { PrismaClient } from './generated/client.ts';

/** Connecting takes at most this long, waiting for a free session included. */
const CONNECT_TIMEOUT_MS = 15_000;
const TRANSACTION_TIMEOUT_MS = 60_000;
const ATTEMPTS = 6;
const FIRST_DELAY_MS = 10;

/** What a statement needs: the pool, or one transaction. A bigint of the database is one here. */
export interface Session {
  query<Row>(sql: Statement, ...values: readonly unknown[]): Promise<Row[]>;
  /** @returns how many rows it changed. */
  execute(sql: Statement, ...values: readonly unknown[]): Promise<number>;
}

export type Statement = string | PlannedOnce;

/** A statement that each session parses and plans once, and then only runs. */
export interface PlannedOnce {
  readonly name: string;
  readonly text: string;
}

/**
 * For what is asked with every change, and takes longer to plan than to run. Only where one plan is right for any
 * values and any size of the pair: it is kept while tables grow. So rows are named by key, or one is taken at a time.
 */
export function planOnce(text: string): PlannedOnce {
  return { name: `holdfast_${createHash('sha256').update(text).digest('hex').slice(0, 16)}`, text };
}

export interface Connection {
  /**
   * For whole rows of stores and new pairs; call it inside `guard`. Loaded when it is first asked for: most processes
   * never do, and its engine takes more memory than all else of theirs.
   */
  prisma(): Promise<PrismaClient>;
  /** Each statement in whatever session is free; call it inside `guard`. */
  readonly pool: Session;
  /**
   * Runs one statement or a few independent ones; again when they lost a deadlock.
   * @throws HoldfastError database-unreachable, schema-behind, configuration-invalid; anything else as the database said it.
   */
  guard<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Runs statements as one transaction; `work` may run several times. @throws as `guard`. */
  transaction<Result>(work: (session: Session) => Promise<Result>, timeoutMs?: number): Promise<Result>;
  close(): Promise<void>;
}

export interface ConnectionOptions {
  /** PostgreSQL URL. Its password appears in no error. */
  readonly url: string;
  /** Most sessions at once. */
  readonly poolSize: number;
  readonly log: Log;
  /** Told of acknowledged changes; nobody when left out. */
  readonly telemetry?: Telemetry;
}

export function connect({ url, poolSize, log }: ConnectionOptions): Connection {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    // Prisma writes and reads timestamps without their zone. A plan that is kept from when a table was nearly empty
    // must not read the whole of it later on.
    options: '-c TimeZone=UTC -c enable_seqscan=off -c jit=off',
    types: { getTypeParser },
  });
  pool.on('error', (error) => log.warn({ error: error.message }, 'an idle database connection ended'));
  let prisma: Promise<PrismaClient> | null = null;
  const plans: Plans = { areKept: true };
  const guard = <Result>(work: () => Promise<Result>): Promise<Result> => withRetry(work, log, plans);
  return {
    prisma: () => {
      prisma ??= openPrisma(pool);
      return prisma;
    },
    pool: sessionOf(pool, plans),
    guard,
    transaction: (work, timeoutMs = TRANSACTION_TIMEOUT_MS) =>
      guard(() => inTransaction(pool, plans, work, timeoutMs, log)),
    close: async () => {
      await (await prisma)?.$disconnect();
      await pool.end();
    },
  };
}

async function openPrisma(pool: pg.Pool): Promise<PrismaClient> {
  const { PrismaPg } = await import('@prisma/adapter-pg');
  const { PrismaClient: Client } = await import('./generated/client.ts');
  return new Client({ adapter: new PrismaPg(pool), transactionOptions: { maxWait: CONNECT_TIMEOUT_MS } });
}

const INT8 = 20;
const BYTEA = 17;

function getTypeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  // In its text form, in which digest-column.ts reads it: a buffer for each would cost more than the page it is on.
  if (oid === BYTEA) return (text) => text;
  return oid === INT8 ? BigInt : pg.types.getTypeParser(oid, format as 'text');
}

/** Whether sessions remember what was planned once: behind a pooler that does not know of it each may be another's. */
interface Plans {
  areKept: boolean;
}

function sessionOf(client: Pick<pg.ClientBase, 'query'>, plans: Readonly<Plans>): Session {
  const queryOf = (sql: Statement, values: readonly unknown[]): pg.QueryConfig => {
    if (typeof sql === 'string') return { text: sql, values: [...values] };
    return { ...(plans.areKept ? sql : { text: sql.text }), values: [...values] };
  };
  return {
    query: async <Row>(sql: Statement, ...values: readonly unknown[]) => {
      const { rows } = await client.query(queryOf(sql, values));
      return rows as Row[];
    },
    execute: async (sql, ...values) => (await client.query(queryOf(sql, values))).rowCount ?? 0,
  };
}

/** A session whose transaction took too long, or could not be rolled back, is ended: that rolls back, too. */
async function inTransaction<Result>(
  pool: pg.Pool,
  plans: Readonly<Plans>,
  work: (session: Session) => Promise<Result>,
  timeoutMs: number,
  log: Log,
): Promise<Result> {
  const client = await pool.connect();
  const onError = (error: Error): void => log.warn({ error: error.message }, 'a database connection ended');
  client.on('error', onError);
  let isReleased = false;
  const release = (isBroken: boolean): void => {
    if (isReleased) return;
    isReleased = true;
    clearTimeout(timer);
    if (!isBroken) client.off('error', onError);
    client.release(isBroken);
  };
  const timer = setTimeout(() => release(true), timeoutMs);
  try {
    await client.query('BEGIN');
    const result = await work(sessionOf(client, plans));
    await client.query('COMMIT');
    release(false);
    return result;
  } catch (thrown) {
    const isRolledBack = !isReleased && (await succeeds(client.query('ROLLBACK')));
    release(!isRolledBack);
    throw thrown;
  }
}

async function succeeds(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch {
    return false;
  }
}

async function withRetry<Result>(work: () => Promise<Result>, log: Log, plans: Plans): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (thrown) {
      const failure = describe(thrown);
      if (plans.areKept && isPlanLost(failure)) {
        plans.areKept = false;
        log.warn(
          {},
          'what is before the database shares its sessions and loses plans: each statement is planned anew',
        );
      }
      if (isPlanLost(failure) && attempt < ATTEMPTS) continue;
      if (attempt === ATTEMPTS || !isLostRace(failure)) throw translated(thrown, failure);
      log.debug({ attempt, code: failure.code }, 'a transaction lost a race and runs again');
      await sleep(FIRST_DELAY_MS * 2 ** (attempt - 1) * (0.5 + Math.random()));
    }
  }
}

interface Failure {
  /** SQLSTATE, code of the network error or Prisma's code; empty when there is none. */
  readonly code: string;
  /** Prisma's name for the kind of failure; empty when there is none. */
  readonly kind: string;
  readonly message: string;
}

function describe(thrown: unknown): Failure {
  const outer = asRecord(thrown);
  const adapterError = asRecord(asRecord(outer['meta'])['driverAdapterError']);
  const cause = asRecord(adapterError['cause'] ?? outer['cause']);
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    code: text(cause['originalCode']) || text(cause['code']) || text(outer['code']),
    kind: text(cause['kind']),
    message: text(cause['originalMessage']) || text(cause['message']) || text(outer['message']),
  };
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** The session knows no statement of that name, or has one already: it was refused before it ran. */
function isPlanLost({ code }: Failure): boolean {
  return code === '26000' || code === '42P05';
}

/** Serialization failure or deadlock: nothing of the transaction is there, and trying again is right. */
function isLostRace({ code, kind }: Failure): boolean {
  return code === '40001' || code === '40P01' || code === 'P2034' || kind === 'TransactionWriteConflict';
}

const UNREACHABLE_KINDS = new Set([
  'DatabaseNotReachable',
  'DatabaseDoesNotExist',
  'DatabaseAccessDenied',
  'AuthenticationFailed',
  'ConnectionClosed',
  'SocketTimeout',
  'TlsConnectionError',
  'TooManyConnections',
]);
/** Connection exceptions (class 08), refused logins (28), too many sessions (53300), shutdown (57P0x), read-only standby (25006), and Prisma's own for pools. */
const UNREACHABLE_CODES =
  /^(08...|28...|3D000|53300|57P0\d|25006|P10\d\d|P2024|P2028|P2037|ECONN.*|ENOTFOUND|ETIMEDOUT|EPIPE|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
const UNREACHABLE_TEXT =
  /can't reach database|connection terminated|connection timeout|timeout exceeded when trying to connect|server has closed the connection|cannot use a pool after|connection error and is not queryable/i;
/** A table, column or function that is not there. */
const SCHEMA_CODES = /^(42P01|42703|42883|P2021|P2022)$/;

function translated(thrown: unknown, failure: Failure): unknown {
  if (thrown instanceof HoldfastError) return thrown;
  const { code, kind, message } = failure;
  if (code === 'ERR_INVALID_URL') {
    // That error carries the whole URL and so the password: it must not be the cause of ours (invariant 12).
    return new HoldfastError(
      'configuration-invalid',
      'DATABASE_URL is not a URL: write it as postgresql://user:password@host/name, with special characters of the password percent-encoded',
    );
  }
  if (UNREACHABLE_KINDS.has(kind) || UNREACHABLE_CODES.test(code) || UNREACHABLE_TEXT.test(message)) {
    return new HoldfastError(
      'database-unreachable',
      `the database does not answer (${oneLine(message) || code || kind}): check DATABASE_URL and that the server runs and takes connections`,
      { cause: oneLine(message) },
    );
  }
  if (SCHEMA_CODES.test(code)) {
    return new HoldfastError(
      'schema-behind',
      `the database lacks what this version needs (${oneLine(message)}): run its migrations, then start again`,
      { cause: thrown },
    );
  }
  return thrown;
}

function oneLine(message: string): string {
  return message.replaceAll(/\s+/g, ' ').trim();
}

/** Whether the database refused a value because another row has it; `constraint` is the index's name. */
export function isDuplicate(thrown: unknown, constraint: string): boolean {
  const { code } = describe(thrown);
  const text = thrown instanceof Error ? thrown.message : '';
  return (code === '23505' || code === 'P2002') && text.includes(constraint);
}

/** Whether the database refused to delete a row that others refer to. */
export function isStillReferred(thrown: unknown): boolean {
  const { code } = describe(thrown);
  return code === '23503' || code === '23001' || code === 'P2003';
}
