/** The console as a process of its own, on real PostgreSQL and Redis, asked as a browser and as a program ask. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startPithosServer } from '#libs/pithos-server/server.ts';
import { account, startConsole, Visitor } from '#test/support/console.ts';
import { secretFile, startFleet, type TestFleet } from '#test/support/fleet.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { testDatabase, testRedisUrl } from '#test/support/services.ts';

const PASSWORDS = { ada: 'correct horse battery', bob: 'staple staple staple' } as const;

const undoing = new LastFirst();
let fleet: TestFleet;
let url = '';
let accounts = '';
let folder = '';

const visitors = new Map<string, Visitor>();

/** Logged in once: logins are counted. */
async function visitor(name: keyof typeof PASSWORDS): Promise<Visitor> {
  const known = visitors.get(name);
  if (known !== undefined) return known;
  const one = new Visitor(url);
  visitors.set(name, one);
  assert.equal((await one.logIn(name, PASSWORDS[name])).status, 303);
  return one;
}

interface Page {
  readonly items: readonly Record<string, unknown>[];
  readonly next: string | null;
}

before(async () => {
  const databaseUrl = await testDatabase(undoing);
  const redisUrl = await testRedisUrl();
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-console-'));
  undoing.after(() => rm(dir, { recursive: true, force: true }));
  const pithos = await startPithosServer({
    dir: join(dir, 'pithos'),
    users: [{ token: 'pithos-token', userId: 'u', name: 'U' }],
  });
  undoing.after(() => pithos.close());
  const queuePrefix = `console-${process.pid}`;
  fleet = await startFleet(undoing, { databaseUrl, redisUrl, env: { HOLDFAST_QUEUE_PREFIX: queuePrefix } });
  accounts = join(dir, 'accounts.json');
  await account(accounts, ['set', 'ada', '--role', 'operator'], PASSWORDS.ada);
  await account(accounts, ['set', 'bob', '--role', 'viewer'], PASSWORDS.bob);
  folder = join(dir, 'folder');
  await mkdir(folder);
  await writeFile(join(folder, '<img src=x onerror=alert(1)>.txt'), 'hello');
  const secret = await secretFile(fleet, { token: 'pithos-token' });
  await fleet.json('store', 'add', 's', '--kind', 'pithos', '--url', pithos.authUrl, '--secret-file', secret);
  await fleet.json('pair', 'add', 'docs', '--folder', folder, '--store', 's', '--container', 'docs');
  await fleet.sync('docs');
  ({ url } = await startConsole(undoing, { databaseUrl, redisUrl, queuePrefix, accounts }));
});

after(() => undoing.undo());

describe('without a login', () => {
  it('nothing but health, metrics and the login page is shown', async () => {
    const stranger = new Visitor(url);
    for (const path of ['/', '/pairs/docs', '/queues', '/queues/api/queues']) {
      const { status, text, headers } = await stranger.send('GET', path);
      assert.deepEqual([path, status, headers.get('location')], [path, 303, '/login']);
      assert.doesNotMatch(text, /docs/);
    }
    assert.equal((await stranger.send('GET', '/api/v1/pairs')).status, 401);
    assert.equal((await stranger.send('GET', '/api/v1/openapi.json')).status, 401);
    assert.equal((await stranger.send('PUT', '/queues/api/queues/poll/pause')).status, 401);
    assert.equal((await stranger.send('GET', '/livez')).status, 200);
    assert.match(
      (await stranger.send('GET', '/metrics')).text,
      /holdfast_queue_backlog_jobs\{queue="transfer.default"\} \d/,
    );
  });

  it('a wrong password and an unknown name are told alike, and a form needs its token', async () => {
    const stranger = new Visitor(url);
    const wrong = await stranger.logIn('ada', 'not the password');
    const unknown = await stranger.logIn('nobody', 'not the password');
    assert.deepEqual([wrong.status, unknown.status], [401, 401]);
    const shown = (text: string): string => text.replaceAll(/value="[^"]*"/g, '');
    assert.equal(shown(wrong.text), shown(unknown.text));
    const forged = await stranger.send('POST', '/login', { form: { name: 'ada', password: PASSWORDS.ada } });
    assert.equal(forged.status, 403);
  });
});

describe('an operator', () => {
  it('sees pairs, their history and the processes', async () => {
    const ada = await visitor('ada');
    const pairs = (await ada.api('GET', '/pairs?search=OC')).body as Page;
    assert.deepEqual(
      pairs.items.map(({ name, condition, problems }) => [name, condition, problems]),
      [['docs', 'in-sync', 0]],
    );
    assert.deepEqual(((await ada.api('GET', '/pairs?search=nowhere')).body as Page).items, []);
    const first = (await ada.api('GET', '/pairs/docs/history?limit=1')).body as Page;
    const second = (await ada.api('GET', `/pairs/docs/history?limit=1&from=${first.next}`)).body as Page;
    assert.ok(Number(second.items[0]?.['id']) < Number(first.items[0]?.['id']));
    const workers = (await ada.api('GET', '/workers')).body as { app: string; condition: string }[];
    for (const app of ['console', 'decider', 'poller', 'transfer', 'watcher'])
      assert.ok(
        workers.some((worker) => worker.app === app && worker.condition === 'working'),
        app,
      );
  });

  it('acts, and what she did is told with her name', async () => {
    const ada = await visitor('ada');
    assert.equal((await ada.api('POST', '/pairs/docs/pause')).status, 200);
    const paused = (await ada.api('GET', '/pairs/docs')).body as { condition: string };
    assert.equal(paused.condition, 'paused');
    assert.equal((await ada.api('POST', '/pairs/docs/resume')).status, 200);
    const history = (await ada.api('GET', '/pairs/docs/history')).body as Page;
    const told = history.items.map(({ text }) => text);
    assert.ok(told.includes('paused, by ada') && told.includes('resumed, by ada'), told.join('; '));
    const actions = (await ada.api('GET', '/actions')).body as Page;
    const [latest] = actions.items;
    assert.deepEqual([latest?.['actor'], latest?.['verb'], latest?.['pair']], ['ada', 'pairResume', 'docs']);
  });

  it('is not acted for by another site', async () => {
    const ada = await visitor('ada');
    const headers = { 'csrf-token': await ada.pageToken() };
    const pause = '/api/v1/pairs/docs/pause';
    assert.equal((await ada.send('POST', pause, { headers, from: 'cross-site' })).status, 403);
    assert.equal((await ada.send('POST', pause, { headers: { 'csrf-token': 'made up' } })).status, 403);
    assert.equal((await ada.send('POST', pause)).status, 403);
    const board = '/queues/api/queues/poll/pause';
    assert.equal((await ada.send('PUT', board, { from: 'cross-site' })).status, 403);
  });

  it('gets a sentence for a pair that is gone, and no stack', async () => {
    const answer = await (await visitor('ada')).send('GET', '/api/v1/pairs/nowhere');
    assert.equal(answer.status, 404);
    assert.match(answer.text, /there is no pair/);
    assert.doesNotMatch(answer.text, /\.ts|at /);
  });

  it('has problems tried again: some, those of a code, or all', async () => {
    const ada = await visitor('ada');
    for (const which of [{ names: ['nothing.txt'] }, { code: 'store-quota' }, {}])
      assert.deepEqual((await ada.api('POST', '/pairs/docs/problems/retry', which)).body, {
        pair: 'docs',
        names: 0,
      });
  });
});

describe('a viewer', () => {
  it('sees everything and changes nothing, by the API or in Bull Board', async () => {
    const bob = await visitor('bob');
    assert.equal((await bob.api('GET', '/pairs/docs')).status, 200);
    assert.equal((await bob.api('POST', '/pairs/docs/pause')).status, 403);
    assert.equal((await bob.api('DELETE', '/pairs/docs')).status, 403);
    assert.equal((await bob.send('PUT', '/queues/api/queues/poll/pause')).status, 403);
  });
});

describe('a token', () => {
  it('lets a program in with its own role, the command line too', async () => {
    const operator = JSON.parse(
      await account(accounts, ['token', 'nightly', '--role', 'operator', '--json']),
    ) as { token: string };
    const viewer = await account(accounts, ['token', 'looker']);
    const asks = async (token: string, method: string, path: string): Promise<number> =>
      (await fetch(`${url}/api/v1${path}`, { method, headers: { authorization: `Bearer ${token}` } })).status;
    assert.equal(await asks(operator.token, 'GET', '/pairs'), 200);
    assert.equal(await asks(operator.token, 'POST', '/pairs/docs/sync'), 200);
    assert.equal(await asks(viewer, 'GET', '/pairs'), 200);
    assert.equal(await asks(viewer, 'POST', '/pairs/docs/sync'), 403);
    assert.equal(await asks('hf_made-up', 'GET', '/pairs'), 401);

    const remote = (token: string, ...words: string[]) =>
      fleet.cliWith({ DATABASE_URL: '', REDIS_URL: '', HOLDFAST_URL: url, HOLDFAST_TOKEN: token }, ...words);
    const status = await remote(viewer, 'status', '--json');
    assert.equal(status.code, 0, status.stderr);
    assert.match(status.stdout, /"docs"/);
    assert.notEqual((await remote(viewer, 'sync', 'docs')).code, 0);
    assert.notEqual((await remote(viewer, 'problems', 'docs', 'retry')).code, 0);
    assert.match((await remote(operator.token, 'problems', 'docs', 'retry')).stdout, /^no such problem/);
    assert.equal((await remote(operator.token, 'sync', 'docs', '--wait', '--timeout', '60s')).code, 0);
  });
});

describe('what is live', () => {
  it('is told as it changes, and a pair that is removed while its page is open', async () => {
    const ada = await visitor('ada');
    const other = join(folder, '../other');
    await mkdir(other);
    await fleet.json('pair', 'add', 'gone', '--folder', other, '--store', 's', '--container', 'gone');
    const token = await account(accounts, ['token', 'listener']);
    const ended = new AbortController();
    const answer = await fetch(`${url}/api/v1/live?pair=gone&fleet=true`, {
      headers: { authorization: `Bearer ${token}` },
      signal: ended.signal,
    });
    assert.equal(answer.headers.get('content-type'), 'text/event-stream');
    let heard = '';
    const listening = (async () => {
      for await (const chunk of answer.body ?? []) heard += Buffer.from(chunk).toString();
    })().catch(() => undefined);
    const until = async (pattern: RegExp): Promise<void> => {
      for (let tries = 0; !pattern.test(heard); tries += 1) {
        assert.ok(tries < 300, `${pattern} was not told in: ${heard}`);
        await delay(100);
      }
    };
    await until(/event: pair\n/);
    await until(/event: fleet\n/);
    assert.equal((await ada.api('POST', '/pairs/gone/pause')).status, 200);
    await until(/"condition":"paused"/);
    assert.equal((await ada.api('DELETE', '/pairs/gone')).status, 200);
    await until(/event: gone\n/);
    await account(accounts, ['remove', 'listener']);
    // Whose account is removed hears nothing more: the console ends the line.
    await listening;
    ended.abort();
  });
});

describe('an account', () => {
  it('that is removed is out at once', async () => {
    const bob = await visitor('bob');
    assert.equal((await bob.send('GET', '/')).status, 200);
    await account(accounts, ['remove', 'bob']);
    assert.equal((await bob.send('GET', '/')).status, 303);
  });
});
