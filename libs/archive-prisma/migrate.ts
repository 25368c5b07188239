// Brings a database to the schema of this code, with standard Prisma migrations
// and Prisma's own table of them, so that `prisma migrate deploy` can take over.
//
// - Any number of processes may start at once: one migrates, the others wait
//   for it and then find nothing to do.
// - A migration is one transaction and its row is finished inside it. So an
//   unfinished row always means that nothing of the migration is there, whatever
//   killed the process, and it is simply tried again.
// - A database with a migration that this code does not know was made by newer
//   code. It is left alone.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { MigrationList } from '@prisma/schema-engine-wasm';
import pg from 'pg';
import { HoldfastError } from '../ports/errors.ts';
import { EVERYTHING, withSchemaEngine } from './schema-engine.ts';

const MIGRATIONS_DIR = resolve(import.meta.dirname, '../../prisma/migrations');
/** Names the lock of whoever migrates; any number that nobody else uses in the same database. */
const LOCK_KEY = '7163905284419263';

/**
 * current  every migration of the code is applied, and no other
 * behind   some are missing; `migrate` applies them
 * newer    there is one the code does not know: newer code made it
 * empty    no migration was ever applied
 */
export type SchemaState = 'current' | 'behind' | 'newer' | 'empty';

export interface MigrateOptions {
  readonly migrationsDir?: string;
  readonly log?: (text: string) => void;
}

interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** Applies what is missing; returns the names of what it applied. */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<string[]> {
  const dir = options.migrationsDir ?? MIGRATIONS_DIR;
  const migrations = readMigrations(dir);
  return withClient(databaseUrl, async (client) => {
    // The lock belongs to a transaction, not to the session, so it is also right behind a pooler.
    await client.query('BEGIN');
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    await client.query('SET LOCAL lock_timeout = 0');
    await client.query('SET LOCAL statement_timeout = 0');
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK_KEY]);
    try {
      const { state, unknown, unfinished } = await inspect(client, migrations);
      if (state === 'newer') throw newerSchema(unknown);
      if (state === 'current' || migrations.length === 0) return [];
      const applied = await apply(databaseUrl, dir, migrations, unfinished);
      for (const name of applied) options.log?.(`applied migration ${name}`);
      return applied;
    } finally {
      await client.query('COMMIT').catch(() => {});
    }
  });
}

export async function checkSchema(databaseUrl: string, options: MigrateOptions = {}): Promise<SchemaState> {
  const migrations = readMigrations(options.migrationsDir ?? MIGRATIONS_DIR);
  return withClient(databaseUrl, async (client) => (await inspect(client, migrations)).state);
}

function newerSchema(unknown: readonly string[]): HoldfastError {
  const names = unknown.join(', ');
  return new HoldfastError(
    'schema-newer',
    `the database was migrated by a newer Holdfast (it has ${names}, which this version does not know): run that version or a later one, or restore a backup from before the upgrade`,
  );
}

async function apply(
  databaseUrl: string,
  dir: string,
  migrations: readonly Migration[],
  unfinished: readonly string[],
): Promise<string[]> {
  let current = migrations[0]?.name ?? '';
  let refusal: Error | undefined;
  const rewrite = (script: string) => {
    const migration = migrations.find(({ sql }) => sql === script);
    if (migration === undefined) return script; // The engine's own: its table.
    current = migration.name;
    return `${script}\n;\nUPDATE "_prisma_migrations" SET finished_at = now()
      WHERE migration_name = ${pg.escapeLiteral(migration.name)} AND finished_at IS NULL AND rolled_back_at IS NULL;`;
  };
  try {
    return await withSchemaEngine(
      databaseUrl,
      async (engine) => {
        for (const migrationName of unfinished) await engine.markMigrationRolledBack({ migrationName });
        const input = { migrationsList: migrationList(dir, migrations), filters: EVERYTHING };
        return (await engine.applyMigrations(input)).appliedMigrationNames;
      },
      {
        rewrite,
        onRefusal: (error) => {
          refusal = error;
        },
      },
    );
  } catch (cause) {
    throw new HoldfastError(
      'schema-behind',
      `migration ${current} failed and left nothing behind: ${reason(refusal ?? cause)}; put that right and start again`,
      { cause },
    );
  }
}

function reason(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.replace(/\s+/g, ' ').trim();
}

/** The migrations of a folder, in the order in which they apply. */
export function readMigrations(dir: string): Migration[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(dir, entry.name, 'migration.sql')))
    .map(({ name }) => ({ name, sql: readFileSync(join(dir, name, 'migration.sql'), 'utf8') }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function migrationList(dir: string, migrations: readonly Migration[]): MigrationList {
  const lockFile = join(dir, 'migration_lock.toml');
  return {
    baseDir: dir,
    lockfile: {
      path: 'migration_lock.toml',
      content: existsSync(lockFile) ? readFileSync(lockFile, 'utf8') : 'provider = "postgresql"\n',
    },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: sql } },
    })),
  };
}

interface Inspection {
  readonly state: SchemaState;
  /** In the database, not in the code. */
  readonly unknown: readonly string[];
  /** Begun by a process that did not live to finish them. */
  readonly unfinished: readonly string[];
}

async function inspect(client: pg.Client, migrations: readonly Migration[]): Promise<Inspection> {
  const table = await client.query(`SELECT to_regclass('"_prisma_migrations"') IS NOT NULL AS present`);
  if (!table.rows[0]?.present) return { state: 'empty', unknown: [], unfinished: [] };
  const { rows } = await client.query<{ name: string; finished: boolean }>(
    `SELECT migration_name AS name, finished_at IS NOT NULL AS finished
       FROM "_prisma_migrations" WHERE rolled_back_at IS NULL ORDER BY migration_name`,
  );
  const known = new Set(migrations.map(({ name }) => name));
  const done = new Set(rows.filter(({ finished }) => finished).map(({ name }) => name));
  const unknown = [...done].filter((name) => !known.has(name));
  const unfinished = rows.filter(({ finished }) => !finished).map(({ name }) => name);
  const missing = [...known].some((name) => !done.has(name));
  const state = unknown.length > 0 ? 'newer' : done.size === 0 ? 'empty' : missing ? 'behind' : 'current';
  return { state, unknown, unfinished };
}

async function withClient<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 15_000 });
  client.on('error', () => {}); // The statement that runs into it says so itself.
  try {
    await client.connect();
  } catch (cause) {
    throw new HoldfastError(
      'database-unreachable',
      `the database does not answer (${reason(cause)}): check DATABASE_URL and that the server runs`,
      { cause },
    );
  }
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
