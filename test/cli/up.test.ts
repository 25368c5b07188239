// `holdfast up` as operators meet it: started, asked, stopped, killed, started again.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { startPithosServer } from '#libs/pithos-server/server.ts';
import { isAlive } from '#libs/services/processes.ts';
import { account } from '#test/support/console.ts';
import { testDatabase } from '#test/support/services.ts';
import {
  commandEnv,
  descendantsOf,
  errorOf,
  HOLDFAST,
  holdfast,
  startUp,
  tempDir,
  until,
} from './command.ts';

const APPS = ['console', 'decider', 'poller', 'transfer', 'watcher'];

interface Readiness {
  readonly status: number;
  readonly waiting: readonly { readonly app: string }[];
}

async function readiness(url: string): Promise<Readiness> {
  const answer = await fetch(`${url}/readyz`);
  const { waiting } = (await answer.json()) as { waiting: readonly { app: string }[] };
  return { status: answer.status, waiting };
}

test('up runs everything from an empty folder, and SIGTERM ends all of it with exit code 0', async (t) => {
  const dir = tempDir(t);
  const data = join(dir, 'data');
  const up = await startUp(t, dir, data);
  assert.deepEqual(await readiness(up.url), { status: 200, waiting: [] });
  assert.equal((await fetch(`${up.url}/livez`)).status, 200);
  const metrics = await (await fetch(`${up.url}/metrics`)).text();
  for (const app of APPS) assert.match(metrics, new RegExp(`holdfast_up_process_ready{app="${app}"} 1`));

  const upFile = join(data, 'up.json');
  assert.equal(statSync(upFile).mode & 0o777, 0o600);
  const { token } = JSON.parse(readFileSync(upFile, 'utf8')) as { token: string };
  const ask = (authorization: string) =>
    fetch(`${up.url}/api/v1/storeList`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization },
      body: '{"args":[]}',
    });
  assert.equal((await ask('Bearer wrong')).status, 401);
  assert.equal((await ask(`Bearer ${token}`)).status, 200);

  const port = new URL(up.url).port;
  for (const env of [{ HOLDFAST_DATA: data }, { HOLDFAST_PORT: port }, { HOLDFAST_URL: up.url }]) {
    const stores = await holdfast(dir, ['store', 'list', '--json'], env);
    assert.equal(stores.code, 0, stores.stderr);
    assert.deepEqual(JSON.parse(stores.stdout), []);
  }

  const family = descendantsOf(up.pid);
  assert.ok(family.length > APPS.length, 'PostgreSQL and the apps run below it');
  assert.equal(await up.stop(), 0);
  assert.deepEqual(family.filter(isAlive), []);
  assert.deepEqual(
    readdirSync(data).filter((name) => name === 'up.json'),
    [],
  );
  assert.deepEqual(readdirSync(join(dir, 'state', 'holdfast')), []);
  assert.deepEqual(readdirSync(join(data, 'logs')).sort(), [...APPS, 'up'].map((app) => `${app}.log`).sort());
});

test('up carries a sync through its HTTP port; killed and started again it goes on', async (t) => {
  const dir = tempDir(t);
  const data = join(dir, 'data');
  const env = { HOLDFAST_DATA: data, HOLDFAST_SETTLE_MS: '50' };
  const pithos = await startPithosServer({
    dir: join(dir, 'pithos'),
    users: [{ token: 'token-of-ann', userId: 'ann', name: 'Ann' }],
  });
  t.after(() => pithos.close());
  mkdirSync(join(dir, 'folder'));
  writeFileSync(join(dir, 'folder', 'a.txt'), 'first');
  writeFileSync(join(dir, 'token'), 'token-of-ann', { mode: 0o600 });
  const run = async (...words: string[]): Promise<unknown> => {
    const result = await holdfast(dir, [...words, '--json'], env);
    assert.equal(result.code, 0, result.stderr);
    return JSON.parse(result.stdout);
  };

  const first = await startUp(t, dir, data, env);
  await run('store', 'add', 'cloud', '--kind', 'pithos', '--url', pithos.authUrl, '--secret-file', 'token');
  await run('pair', 'add', 'docs', '--folder', 'folder', '--store', 'cloud', '--container', 'docs');
  const summary = (await run('sync', 'docs', '--wait')) as Record<string, unknown>;
  assert.deepEqual(Object.keys(summary), [
    'pair',
    'quiet',
    'files',
    'bytes',
    'problems',
    'heldDeletes',
    'seconds',
  ]);
  assert.equal(summary['quiet'], true);
  const chain = (await run('why', 'docs', 'a.txt')) as { history: unknown[]; sync: string };
  assert.equal(chain.sync, 'a file of 5 bytes');
  const text = await holdfast(dir, ['why', 'docs', 'a.txt'], env);
  assert.match(
    text.stdout,
    /^a\.txt\n {2}here +a file.*\n {2}upstream +a file.*\n {2}synced +a file of 5 bytes\n\n\d{4}-/,
  );

  await first.kill9();
  writeFileSync(join(dir, 'folder', 'b.txt'), 'second');
  await startUp(t, dir, data, env);
  await run('sync', 'docs', '--wait');
  pithos.control.putObject('ann', 'docs', 'c.txt', 'third');
  await run('sync', 'docs', '--wait');
  assert.equal(readFileSync(join(dir, 'folder', 'c.txt'), 'utf8'), 'third');
  assert.deepEqual(await run('plan', 'docs'), []);
});

test('the console is on the port of up: it lets in who has an account, and tells what is live', async (t) => {
  const dir = tempDir(t);
  const data = join(dir, 'data');
  const up = await startUp(t, dir, data, { DATABASE_URL: await testDatabase(t) });
  const login = await fetch(up.url, { headers: { accept: 'text/html' } });
  assert.deepEqual([login.status, login.url], [200, `${up.url}/login`]);
  assert.match(await login.text(), /type="password"/);
  assert.equal((await fetch(`${up.url}/api/v1/pairs`)).status, 401);

  const accounts = join(data, 'accounts.json');
  assert.equal(statSync(accounts).mode & 0o777, 0o600);
  const token = await account(accounts, ['token', 'ada', '--role', 'operator']);
  const headers = { authorization: `Bearer ${token}` };
  assert.equal((await fetch(`${up.url}/api/v1/pairs`, { headers })).status, 200);
  const remote = await holdfast(dir, ['status', '--json'], { HOLDFAST_URL: up.url, HOLDFAST_TOKEN: token });
  assert.equal(remote.code, 0, remote.stderr);

  const live = await fetch(`${up.url}/api/v1/live?fleet=true`, { headers });
  const first = await live.body?.getReader().read();
  assert.match(new TextDecoder().decode(first?.value), /^event: fleet\n/);
  // With that connection still open.
  assert.equal(await up.stop(), 0);
});

test('a process and a PostgreSQL that die are started again', async (t) => {
  const dir = tempDir(t);
  const data = join(dir, 'data');
  const up = await startUp(t, dir, data);
  const commandOf = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  const watcher = descendantsOf(up.pid).find((pid) => commandOf(pid).includes('apps/watcher/main.ts')) ?? 0;
  process.kill(watcher, 'SIGKILL');
  await until(async () => (await readiness(up.url)).status === 503);
  assert.deepEqual(
    (await readiness(up.url)).waiting.map(({ app }) => app),
    ['watcher'],
  );
  await until(async () => (await readiness(up.url)).status === 200);

  const pidFile = join(data, 'postgres', 'cluster', 'postmaster.pid');
  const postmaster = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  process.kill(postmaster, 'SIGKILL');
  await until(() => !isAlive(postmaster));
  await until(async () => (await holdfast(dir, ['status'], { HOLDFAST_DATA: data })).code === 0);
  await until(async () => (await readiness(up.url)).status === 200);
  assert.equal(await up.stop(), 0);
});

test('a second up on the same data folder says so and fails', async (t) => {
  const dir = tempDir(t);
  const data = join(dir, 'data');
  const env = { DATABASE_URL: await testDatabase(t) };
  const up = await startUp(t, dir, data, env);
  const second = await holdfast(dir, ['up', '--data', data, '--port', '0', '--json'], env);
  assert.equal(second.code, 1);
  assert.equal(
    errorOf(second).message,
    `another holdfast up already works on ${data} at ${up.url} (process ${up.pid}); stop that one first, or give another folder: holdfast up --data DIR`,
  );
  assert.equal((await readiness(up.url)).status, 200);
});

test('a port in use, a folder that is none and an unreachable database are each one sentence', async (t) => {
  const dir = tempDir(t);
  const other = createServer();
  await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
  t.after(() => void other.close());
  const { port } = other.address() as AddressInfo;
  const env = { DATABASE_URL: 'postgresql://me:hush@127.0.0.1:1/db' };
  const up = async (...words: string[]): Promise<string> => {
    const result = await holdfast(dir, ['up', ...words], env);
    assert.equal(result.code, 1);
    return result.stderr.trim().split('\n').at(-1) ?? '';
  };
  assert.equal(
    await up('--data', 'data', '--port', String(port)),
    `holdfast: port ${port} of 127.0.0.1 is in use; choose another one: holdfast up --port N`,
  );
  writeFileSync(join(dir, 'a-file'), '');
  assert.match(await up('--data', 'a-file'), /a-file is not a folder; give another one/);
  assert.match(
    await up('--data', 'data', '--port', '0'),
    /the database does not answer .*check DATABASE_URL/,
  );
});

test('up ends by itself when the parent that holds its channel is gone', async (t) => {
  const dir = tempDir(t);
  const main = join(HOLDFAST, '..', '..', 'apps', 'cli', 'main.ts');
  const child = fork(main, ['up', '--data', join(dir, 'data'), '--port', '0'], {
    env: commandEnv(dir, { DATABASE_URL: await testDatabase(t) }),
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
  });
  const exited = new Promise<number | null>((done) => child.once('exit', done));
  await new Promise((ready) => child.stdout?.once('data', ready));
  child.disconnect();
  assert.equal(await exited, 0);
});
