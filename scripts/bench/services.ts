/**
 * Services of a benchmark: a durable PostgreSQL that counts its statements, a Redis, a Pithos
 * server in a process of its own, and the fleet. All end with the benchmark.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { startPostgres } from '#libs/services/embedded-postgres.ts';
import { startRedis } from '#libs/services/redis.ts';
import type { LastFirst } from '#test/support/last-first.ts';

const PITHOS = resolve(import.meta.dirname, '../../libs/pithos-server/main.ts');

export async function benchDirectory(undoing: LastFirst, prefix: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), prefix));
  // PostgreSQL runs as a user of its own.
  await chmod(dir, 0o755);
  undoing.after(() => rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return dir;
}

export interface BenchServer {
  readonly url: string;
  readonly pid: number;
}

export async function benchPostgres(undoing: LastFirst, dir: string): Promise<BenchServer> {
  const options = { dataDir: join(dir, 'postgres'), dieWithParent: true };
  const first = await startPostgres(options);
  await query(first.url, "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'");
  await first.stop();
  const server = await startPostgres(options);
  undoing.after(() => server.stop());
  await query(server.url, 'CREATE EXTENSION pg_stat_statements');
  return { url: server.url, pid: server.pid };
}

export async function benchRedis(undoing: LastFirst, dir: string): Promise<BenchServer> {
  const redis = await startRedis({ dir: join(dir, 'redis'), dieWithParent: true });
  undoing.after(() => redis.stop());
  return { url: redis.url, pid: redis.pid };
}

/** Serves what is in `data`. @returns the login URL. */
export async function benchPithos(
  undoing: LastFirst,
  data: string,
  user: { readonly token: string; readonly userId: string },
): Promise<string> {
  const args = [PITHOS, '--data', data, '--port', '0', '--token', user.token, '--user', user.userId];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  undoing.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    await exit;
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  const url = /http:\/\/\S+/.exec(line)?.[0];
  if (url === undefined) throw new Error(`the Pithos server did not say where it listens: ${line}`);
  return url;
}

export interface StatementCounts {
  readonly statements: number;
  readonly rows: number;
  readonly databaseMs: number;
}

export async function resetStatements(url: string): Promise<void> {
  await query(url, 'SELECT pg_stat_statements_reset()');
}

/** Since the last reset, of all processes, queue tables included; without the benchmark's own looks. */
export async function countStatements(url: string): Promise<StatementCounts> {
  const [row] = await query<{ statements: string; rows: string; ms: number }>(
    url,
    `SELECT sum(calls) AS statements, sum(rows) AS rows, sum(total_exec_time) AS ms FROM pg_stat_statements
     WHERE query NOT LIKE '%bench_is_quiet%'`,
  );
  return {
    statements: Number(row?.statements),
    rows: Number(row?.rows),
    databaseMs: Math.round(Number(row?.ms)),
  };
}

/** The statements that took longest, as lines of text. */
export async function slowestStatements(url: string, most: number): Promise<readonly string[]> {
  const rows = await query<{ ms: number; calls: string; text: string }>(
    url,
    `SELECT total_exec_time AS ms, calls, left(regexp_replace(query, '\\s+', ' ', 'g'), 100) AS text
     FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT ${most}`,
  );
  return rows.map(({ ms, calls, text }) => `${Math.round(ms)} ms in ${calls} calls: ${text}`);
}

/** Gives back what removed entries left, so that it does not count for those that come. */
export async function reclaimRows(url: string): Promise<void> {
  await query(url, 'VACUUM entry');
}

/** Bytes that a row of `entry` takes with its indexes, on the disk as it is. */
export async function bytesPerRow(url: string): Promise<number> {
  const [row] = await query<{ bytes: number }>(
    url,
    "SELECT (pg_total_relation_size('entry') / greatest((SELECT count(*) FROM entry), 1))::int AS bytes",
  );
  return row?.bytes ?? 0;
}

async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<readonly Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
