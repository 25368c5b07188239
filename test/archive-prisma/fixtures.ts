/** Fixtures: a database of its own on a real PostgreSQL, and questions to the database itself. */
import type { TestContext } from 'node:test';
import pg from 'pg';
import { type Database, openDatabase } from '#libs/archive-prisma/database.ts';
import type { Log } from '#ports/log.ts';
import { addDocs, type OpenedArchive } from '#test/conformance/archive-fixtures.ts';
import { testDatabase } from '#test/support/services.ts';

export const SILENT: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => SILENT,
};

export interface Fixture extends Database, OpenedArchive {
  readonly url: string;
}

export async function openFixture(t: TestContext): Promise<Fixture> {
  const url = await testDatabase(t);
  const database = openDatabase({ url, poolSize: 8, log: SILENT });
  t.after(() => database.close());
  const pair = await addDocs(database.registry);
  return { ...database, url, pair, clock: { now: Date.now }, passTime: timeOf(t, url) };
}

/** Columns with a time, by table. */
const TIMES = {
  entry: ['due_at', 'held_until', 'updated_at', 'deleted_at', 'seen_at'],
  history: ['at'],
  problem: ['first_seen_at', 'last_seen_at', 'next_attempt_at'],
  recovery_pointer: ['displaced_at', 'look_again_at', 'expires_at'],
  pair: ['disabled_at', 'lease_expires_at', 'deletes_held_since', 'generation_at', 'union_at'],
  lease_seeker: ['expires_at'],
};

/** The server's clock is nobody's to set: everything becomes older instead. One session does it for all of a test. */
function timeOf(t: TestContext, url: string): (ms: number) => Promise<void> {
  let session: Promise<pg.Client> | undefined;
  t.after(async () => (await session)?.end());
  return async (ms) => {
    session ??= connected(url);
    await (await session).query(older(ms));
  };
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  // It may outlive the database, which is dropped with all sessions on it.
  client.on('error', () => {});
  await client.connect();
  return client;
}

function older(ms: number): string {
  const updates = Object.entries(TIMES).map(([table, columns]) => {
    const changes = columns.map((column) => `${column} = ${column} - interval '${ms} milliseconds'`);
    return `UPDATE ${table} SET ${changes.join(', ')}`;
  });
  return updates.join('; ');
}

/** Asks the database itself, for what no port tells. */
export async function query(url: string, sql: string, values: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows;
  } finally {
    await client.end();
  }
}
