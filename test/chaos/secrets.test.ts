/** The search for secrets: finds one in each form and place, and tells only its beginning. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { Redis } from 'ioredis';
import pg from 'pg';
import { ownRedis, testDatabase } from '#test/support/services.ts';
import { temporaryDirectory } from '#test/support/temporary-directory.ts';
import { formsOf, SecretSearch } from '../../scripts/chaos/secrets.ts';

const SECRET = 'swift+k3y/with=odd"signs';

const search = (): SecretSearch => new SecretSearch(() => [SECRET]);

it('finds a secret raw, in base64, hexadecimal, in a URL and in JSON', () => {
  const texts = [
    SECRET,
    Buffer.from(SECRET).toString('base64'),
    Buffer.from(SECRET).toString('hex'),
    encodeURIComponent(SECRET),
    JSON.stringify({ key: SECRET }),
  ];
  for (const text of texts) {
    const found = search();
    found.look({ where: 'log x', text: `before ${text} after` });
    assert.equal(found.findings.length, 1, text);
    assert.ok(!found.findings[0]?.text.includes(SECRET), 'the report is no place for it either');
  }
  const found = search();
  found.look({ where: 'log x', text: 'nothing of it' });
  assert.deepEqual(found.findings, []);
  assert.ok(formsOf(SECRET).length >= 5);
});

it('finds it in a queue, in a table and in a file', async (t) => {
  const redis = await ownRedis(t);
  const client = new Redis(redis.url);
  await client.hset('bull:q:1', 'data', JSON.stringify({ key: SECRET }));
  await client.zadd('z', 1, SECRET);
  client.disconnect();
  const inRedis = search();
  await inRedis.lookAtRedis(redis.url);
  assert.equal(inRedis.findings.length, 2);

  const url = await testDatabase(t);
  const database = new pg.Client({ connectionString: url });
  await database.connect();
  await database.query('CREATE SCHEMA side; CREATE TABLE side.note (text text)');
  await database.query('INSERT INTO side.note VALUES ($1)', [encodeURIComponent(SECRET)]);
  await database.end();
  const inTables = search();
  await inTables.lookAtPostgres(url);
  assert.deepEqual(
    inTables.findings.map(({ text }) => text),
    ['postgres side.note shows the secret swift...'],
  );

  const dir = await temporaryDirectory(t, 'holdfast-secrets-');
  await mkdir(join(dir, 'below'));
  await writeFile(join(dir, 'below/x.log'), `x ${SECRET} y`);
  const inFiles = search();
  await inFiles.lookAtFiles('logs', dir);
  assert.equal(inFiles.findings.length, 1);
});
