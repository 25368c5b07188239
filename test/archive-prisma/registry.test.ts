/** Registry on a real PostgreSQL, and one that does not answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { openDatabase } from '#libs/archive-prisma/database.ts';
import { HoldfastError } from '#ports/errors.ts';
import { describeRegistry } from '#test/conformance/registry.ts';
import { openFixture, SILENT } from './fixtures.ts';

const code = (wanted: string) => (thrown: unknown) =>
  thrown instanceof HoldfastError && thrown.code === wanted;

describeRegistry(openFixture);

test('a database that does not answer is named without its password', async () => {
  const database = openDatabase({ url: 'postgresql://u:sesame@127.0.0.1:1/x', poolSize: 1, log: SILENT });
  for (const work of [
    () => database.ping(),
    () => database.registry.listStores(),
    () => database.archive.work(),
  ]) {
    await assert.rejects(work(), (thrown: HoldfastError) => {
      assert.ok(code('database-unreachable')(thrown));
      assert.match(thrown.message, /DATABASE_URL/);
      assert.doesNotMatch(inspect(thrown, { depth: 9, showHidden: true }), /sesame/);
      return true;
    });
  }
  await database.close();
});

test('a database without the tables says that migrations are missing', async (t) => {
  const { url } = await openFixture(t);
  const elsewhere = new URL(url);
  elsewhere.pathname = '/postgres';
  const database = openDatabase({ url: elsewhere.href, poolSize: 1, log: SILENT });
  t.after(() => database.close());
  await assert.rejects(database.archive.work(), code('schema-behind'));
  await assert.rejects(database.registry.listStores(), code('schema-behind'));
});

test('a database URL that is none is refused without showing it', async () => {
  const database = openDatabase({ url: 'postgresql://u:sesame@[bad/x', poolSize: 1, log: SILENT });
  await assert.rejects(database.ping(), (thrown: HoldfastError) => {
    assert.ok(code('configuration-invalid')(thrown));
    assert.doesNotMatch(inspect(thrown, { depth: 9, showHidden: true }), /sesame/);
    return true;
  });
  await database.close();
});
