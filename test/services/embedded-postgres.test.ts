// The embedded server: starts, is found again, keeps its data over a crash.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { type RunningPostgres, startPostgres } from '#libs/services/embedded-postgres.ts';

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function folder(t: TestContext, servers: RunningPostgres[]): string {
  const dataDir = mkdtempSync(join(tmpdir(), `holdfast-test-${process.pid}-`));
  t.after(async () => {
    for (const server of servers) await server.stop();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  });
  return dataDir;
}

test('a server starts as whoever we are, private to this machine and this user', async (t) => {
  const servers: RunningPostgres[] = [];
  const dataDir = folder(t, servers);
  const server = await startPostgres({ dataDir, dieWithParent: true });
  servers.push(server);

  const [row] = await query(
    server.url,
    `SELECT current_database() AS name, getdatabaseencoding() AS encoding,
       current_setting('listen_addresses') AS listens, current_setting('synchronous_commit') AS commit,
       current_setting('fsync') AS fsync, 'B' COLLATE "default" < 'a' COLLATE "default" AS bytes`,
  );
  assert.deepEqual(row, {
    name: 'holdfast',
    encoding: 'UTF8',
    listens: '127.0.0.1',
    commit: 'on',
    fsync: 'on',
    bytes: true,
  });
  assert.equal(statSync(join(dataDir, 'password')).mode & 0o777, 0o600);
  const wrong = server.url.replace(/:[0-9a-f]{20,}@/, ':wrong@');
  await assert.rejects(query(wrong, 'SELECT 1'), /password authentication failed/);
});

test('starts at the same time end with one server, and a later start finds it', async (t) => {
  const servers: RunningPostgres[] = [];
  const dataDir = folder(t, servers);
  const options = { dataDir, fast: true, dieWithParent: true };
  servers.push(
    ...(await Promise.all([startPostgres(options), startPostgres(options), startPostgres(options)])),
  );
  const later = await startPostgres(options);

  assert.equal(new Set([...servers, later].map(({ url, pid }) => `${url} ${pid}`)).size, 1);
  assert.equal(servers.filter(({ reused }) => !reused).length, 1);
  assert.equal(later.reused, true);
});

test('committed rows and the address survive kill -9', async (t) => {
  const servers: RunningPostgres[] = [];
  const dataDir = folder(t, servers);
  const options = { dataDir, dieWithParent: true };
  const first = await startPostgres(options);
  servers.push(first);
  await query(first.url, 'CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n');
  await first.kill9();

  const second = await startPostgres(options);
  servers.push(second);
  assert.equal(second.url, first.url);
  assert.notEqual(second.pid, first.pid);
  assert.deepEqual(await query(second.url, 'SELECT count(*)::int AS n FROM kept'), [{ n: 1000 }]);
});

test('a lock file whose process number belongs to somebody else does not block the start', async (t) => {
  const servers: RunningPostgres[] = [];
  const dataDir = folder(t, servers);
  const options = { dataDir, fast: true, dieWithParent: true };
  const first = await startPostgres(options);
  servers.push(first);
  const lockFile = join(dataDir, 'cluster', 'postmaster.pid');
  const lock = readFileSync(lockFile, 'utf8');
  await first.stop();
  // This test's own number: a live process that is no server.
  writeFileSync(lockFile, lock.replace(/^\d+/, String(process.pid)));

  const second = await startPostgres(options);
  servers.push(second);
  assert.equal(second.reused, false);
  assert.deepEqual(await query(second.url, 'SELECT 1 AS one'), [{ one: 1 }]);
});
