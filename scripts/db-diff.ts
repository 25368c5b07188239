// npm run db:diff -- NAME: writes the migration that leads from the migrations
// there are to prisma/schema.prisma. The present state is not guessed: the
// migrations are applied to an empty database, started for the purpose, and
// compared. The SQL is a draft to read and to complete by hand.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { migrationList, readMigrations } from '../libs/archive-prisma/migrate.ts';
import { EVERYTHING, withSchemaEngine } from '../libs/archive-prisma/schema-engine.ts';
import { startPostgres } from '../libs/services/embedded-postgres.ts';

const name = process.argv[2] ?? '';
if (!/^[a-z][a-z0-9_]*$/.test(name)) {
  console.error('usage: npm run db:diff -- NAME   (lower case letters, digits and underscores)');
  process.exit(2);
}
const prismaDir = resolve(process.env['HOLDFAST_PRISMA_DIR'] ?? resolve(import.meta.dirname, '../prisma'));
const migrationsDir = join(prismaDir, 'migrations');
const schema = { path: 'schema.prisma', content: readFileSync(join(prismaDir, 'schema.prisma'), 'utf8') };

const scratch = mkdtempSync(join(tmpdir(), 'holdfast-diff-'));
try {
  const postgres = await startPostgres({ dataDir: scratch, fast: true, dieWithParent: true });
  try {
    const sql = await withSchemaEngine(postgres.url, async (engine) => {
      const result = await engine.diff({
        from: { tag: 'migrations', ...migrationList(migrationsDir, readMigrations(migrationsDir)) },
        to: { tag: 'schemaDatamodel', files: [schema] },
        script: true,
        exitCode: true,
        filters: EVERYTHING,
      });
      return result.exitCode === 2 ? result.stdout : null;
    });
    if (sql === null) console.log('the migrations already lead to prisma/schema.prisma');
    else write(sql);
  } finally {
    await postgres.stop();
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function write(sql: string): void {
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const folder = join(migrationsDir, `${stamp}_${name}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(migrationsDir, 'migration_lock.toml'), 'provider = "postgresql"\n');
  writeFileSync(join(folder, 'migration.sql'), sql);
  console.log(`wrote ${join(folder, 'migration.sql')}: read it before you commit it`);
}
