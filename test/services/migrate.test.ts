// Migrations, on a folder of their own: applied once, whole or not at all.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { checkSchema, migrate } from '#libs/archive-prisma/migrate.ts';
import { ownPostgres, testDatabase } from '#test/support/services.ts';

const FIRST = `CREATE TABLE "a" ("id" INT PRIMARY KEY);
CREATE FUNCTION double(n INT) RETURNS INT LANGUAGE plpgsql AS $$ BEGIN n := n * 2; RETURN n; END; $$;
INSERT INTO "a" VALUES (1); -- a comment at the very end`;
const SECOND = 'ALTER TABLE "a" ADD COLUMN "text" TEXT DEFAULT \'x;y\';';

function migrations(t: TestContext, scripts: Record<string, string>): string {
  const dir = mkdtempSync(join(tmpdir(), `holdfast-test-${process.pid}-`));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, sql] of Object.entries(scripts)) write(dir, name, sql);
  return dir;
}

function write(dir: string, name: string, sql: string): void {
  mkdirSync(join(dir, name), { recursive: true });
  writeFileSync(join(dir, name, 'migration.sql'), sql);
}

async function rows(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('every state of the schema is told from the others', async (t) => {
  const { url } = await ownPostgres(t, { fast: true });
  const one = { migrationsDir: migrations(t, { '20260101000000_first': FIRST }) };
  const two = {
    migrationsDir: migrations(t, { '20260101000000_first': FIRST, '20260102000000_second': SECOND }),
  };

  assert.equal(await checkSchema(url, two), 'empty');
  assert.deepEqual(await migrate(url, one), ['20260101000000_first']);
  assert.equal(await checkSchema(url, one), 'current');
  assert.equal(await checkSchema(url, two), 'behind');
  assert.deepEqual(await migrate(url, two), ['20260102000000_second']);
  assert.equal(await checkSchema(url, two), 'current');
  assert.equal(await checkSchema(url, one), 'newer');
  await assert.rejects(migrate(url, one), { code: 'schema-newer', message: /20260102000000_second/ });
  assert.deepEqual(await rows(url, 'SELECT "id", "text", double("id") FROM "a"'), [
    { id: 1, text: 'x;y', double: 2 },
  ]);
});

test('processes that migrate at once apply each migration once', async (t) => {
  const { url } = await ownPostgres(t, { fast: true });
  const options = {
    migrationsDir: migrations(t, { '20260101000000_first': FIRST, '20260102000000_second': SECOND }),
  };
  const applied = await Promise.all([migrate(url, options), migrate(url, options), migrate(url, options)]);

  assert.deepEqual(applied.flat().sort(), ['20260101000000_first', '20260102000000_second']);
  assert.equal(applied.filter((names) => names.length > 0).length, 1);
  const table = await rows(
    url,
    'SELECT migration_name, applied_steps_count AS steps, finished_at IS NOT NULL AS done FROM "_prisma_migrations"',
  );
  assert.deepEqual(
    table.map(({ steps, done }) => ({ steps, done })),
    [
      { steps: 1, done: true },
      { steps: 1, done: true },
    ],
  );
});

test('a migration that fails leaves nothing behind and is tried again', async (t) => {
  const { url } = await ownPostgres(t, { fast: true });
  const migrationsDir = migrations(t, {
    '20260101000000_first': FIRST,
    '20260102000000_second': `${SECOND} ALTER TABLE "nowhere" ADD COLUMN "n" INT;`,
  });
  const failure = {
    code: 'schema-behind',
    message: /20260102000000_second .*relation "nowhere" does not exist/,
  };

  await assert.rejects(migrate(url, { migrationsDir }), failure);
  await assert.rejects(migrate(url, { migrationsDir }), failure);
  assert.deepEqual(await rows(url, 'SELECT * FROM "a"'), [{ id: 1 }]);

  write(migrationsDir, '20260102000000_second', SECOND);
  assert.deepEqual(await migrate(url, { migrationsDir }), ['20260102000000_second']);
  assert.equal(await checkSchema(url, { migrationsDir }), 'current');
});

test('a process that died between begin and end of a migration does not block the next', async (t) => {
  const { url } = await ownPostgres(t, { fast: true });
  const one = { migrationsDir: migrations(t, { '20260101000000_first': FIRST }) };
  const two = {
    migrationsDir: migrations(t, { '20260101000000_first': FIRST, '20260102000000_second': SECOND }),
  };
  await migrate(url, one);
  await rows(
    url,
    `INSERT INTO "_prisma_migrations" (id, checksum, migration_name) VALUES ('x', 'x', '20260102000000_second')`,
  );

  assert.equal(await checkSchema(url, two), 'behind');
  assert.deepEqual(await migrate(url, two), ['20260102000000_second']);
});

test('a database that does not answer is named as such', async () => {
  await assert.rejects(migrate('postgresql://x:y@127.0.0.1:1/z'), { code: 'database-unreachable' });
});

test('a test database is current, and its own', async (t) => {
  const [first, second] = await Promise.all([testDatabase(t), testDatabase(t)]);
  assert.notEqual(first, second);
  await rows(first, 'CREATE TABLE "mine" ()');
  assert.deepEqual(await rows(second, `SELECT to_regclass('mine') AS found`), [{ found: null }]);
  assert.ok(['current', 'empty'].includes(await checkSchema(second)));
});
