// The verbs against a real database and a real Pithos server, straight and without a
// running fleet: what they print, and the sentence for everything that can be wrong.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pg from 'pg';
import { toName } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import { openDatabase } from '#libs/archive-prisma/database.ts';
import { type PithosServer, startPithosServer } from '#libs/pithos-server/server.ts';
import { freePort } from '#libs/services/processes.ts';
import { conflictEvents } from '#steps/conflict-events.ts';
import { giveWaiting, localFile, remoteFile } from '#test/conformance/archive-fixtures.ts';
import { SILENT } from '#test/support/engine.ts';
import { type Cleanup, testDatabase } from '#test/support/services.ts';
import { type Env, errorOf, holdfast, type Result, tempDir } from './command.ts';

const USER = { token: 'right-token', userId: 'ann', name: 'Ann' };
const cleanups: (() => Promise<void> | void)[] = [];
const file: Cleanup = { after: (work) => void cleanups.push(work) };
let dir: string;
let env: Env;
let pithos: PithosServer;
let nobody = '';

before(async () => {
  dir = tempDir(file);
  env = { DATABASE_URL: await testDatabase(file) };
  pithos = await startPithosServer({ dir: join(dir, 'pithos'), users: [USER] });
  file.after(() => pithos.close());
  for (const [name, text] of [
    ['token', USER.token],
    ['wrong', 'wrong-token'],
  ] as const) {
    writeFileSync(join(dir, name), text, { mode: 0o600 });
  }
  for (const folder of ['docs', 'docs/inner', 'other', 'spare']) mkdirSync(join(dir, folder));
  writeFileSync(join(dir, 'a-file'), '');
  nobody = `http://127.0.0.1:${await freePort()}/identity/v2.0`;
  await addStore('cloud', pithos.authUrl, 'token');
  await addStore('locked', pithos.authUrl, 'wrong');
  await addStore('silent', nobody, 'token');
  await addStore('elsewhere', `http://127.0.0.1:${pithos.port}/wrong`, 'token');
  await done(['pair', 'add', 'docs', '--folder', 'docs', '--store', 'cloud', '--container', 'docs']);
});

after(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

async function done(words: readonly string[]): Promise<unknown> {
  const result = await holdfast(dir, [...words, '--json'], env);
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout);
}

async function addStore(name: string, url: string, secret: string): Promise<void> {
  await done(['store', 'add', name, ...storeWords(url, secret), '--unchecked']);
}

function storeWords(url: string, secret: string): string[] {
  return ['--kind', 'pithos', '--url', url, '--secret-file', secret];
}

function addPair(options: { folder?: string; store?: string; more?: readonly string[] }): Promise<Result> {
  const { folder = 'spare', store = 'cloud', more = [] } = options;
  const words = ['pair', 'add', 'new', '--folder', folder, '--store', store, '--container', 'new'];
  return holdfast(dir, [...words, ...more], env);
}

test('lists are tables for people and arrays for programs', async () => {
  const stores = (await done(['store', 'list'])) as { name: string; secret: string }[];
  assert.deepEqual(
    stores.map(({ name }) => name),
    ['cloud', 'elsewhere', 'locked', 'silent'],
  );
  assert.equal(stores[0]?.secret, `file:${join(dir, 'token')}`);
  const table = await holdfast(dir, ['pair', 'list'], env);
  const [head, row] = table.stdout.split('\n');
  assert.match(head ?? '', /^PAIR +CONDITION +FOLDER +CONTAINER$/);
  assert.match(row ?? '', /^docs +starting +.*\/docs +cloud\/docs$/);
  assert.deepEqual(await done(['problems']), []);
  assert.deepEqual(await done(['conflicts', 'docs']), []);
  assert.deepEqual(await done(['trash', 'docs', 'list']), []);
  assert.deepEqual(await done(['deletes', 'docs', 'list']), []);
});

test('pair show gives every field', async () => {
  const shown = (await done(['pair', 'show', 'docs'])) as Record<string, unknown>;
  assert.equal(shown['folder'], join(dir, 'docs'));
  assert.deepEqual(shown['policies'], {
    conflict: 'upstream',
    'delete-vs-edit': 'upstream',
    direction: 'both',
  });
  const text = await holdfast(dir, ['pair', 'show', 'docs'], env);
  assert.match(text.stdout, /^container +cloud\/docs$/m);
});

test('a plan says what a sync would do and does nothing', async () => {
  writeFileSync(join(dir, 'docs', 'a\u009bname.txt'), 'twelve bytes');
  const { stdout } = await holdfast(dir, ['plan', 'docs'], env);
  assert.match(stdout, /^upload +a\\x9bname.txt +12 B +\S/m);
  assert.match(stdout, /2 changes: 2 upload \(12 B\)/);
  const items = (await done(['plan', 'docs'])) as { action: string; bytes: number }[];
  assert.ok(items.some(({ action, bytes }) => action === 'upload' && bytes === 12));
  assert.deepEqual(await done(['trash', 'docs', 'list']), []);
});

test('sync without --wait hands out a ticket; with a timeout and no fleet it times out with exit code 3', async () => {
  const ticket = (await done(['sync', 'docs'])) as { pair: string; scan: string };
  assert.equal(ticket.pair, 'docs');
  const late = await holdfast(dir, ['sync', 'docs', '--wait', '--timeout', '400ms', '--json'], env);
  assert.equal(late.code, 3);
  assert.equal(errorOf(late).code, 'timed-out');
  assert.match(errorOf(late).message, /the scan of the folder has not ended/);
  assert.equal(late.stdout, '');
});

test('a paused pair is not synced, and says how to go on', async () => {
  const paused = (await done(['pair', 'pause', 'docs'])) as { condition: string };
  assert.equal(paused.condition, 'paused');
  const refused = await holdfast(dir, ['sync', 'docs', '--wait'], env);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /is paused; run: holdfast pair resume docs/);
  await done(['pair', 'resume', 'docs']);
});

test('status shows the pair, the queues and a hint', async () => {
  const { stdout } = await holdfast(dir, ['status'], env);
  assert.match(stdout, /^PAIR +CONDITION +FILES +SIZE +PENDING +PROBLEMS$/m);
  assert.match(stdout, /^queues: /m);
  const fleet = (await done(['status', 'docs'])) as { pairs: { name: string }[] };
  assert.deepEqual(
    fleet.pairs.map(({ name }) => name),
    ['docs'],
  );
});

/** What a fleet would have left there. */
async function openDocs() {
  const url = env['DATABASE_URL'] ?? '';
  const { archive, registry, close } = openDatabase({ url, poolSize: 2, log: SILENT });
  return { archive, pair: (await registry.findPair('docs')) ?? assert.fail('no pair'), close };
}

test('held deletes are shown everywhere, and answered with one word', async () => {
  const { archive, pair, close } = await openDocs();
  const sync = { kind: 'file', size: 2_048, hash: 'hash-2048' } as const;
  await giveWaiting(
    { archive, pair },
    { 'a b': { remote: remoteFile(2_048), sync, decision: ['delete-remote'] } },
  );
  assert.match((await holdfast(dir, ['deletes', 'docs', 'approve'], env)).stdout, /^no delete of docs waits/);
  await archive.holdDeletes(pair.id);
  await close();
  const list = await holdfast(dir, ['deletes', 'docs', 'list'], env);
  assert.match(list.stdout, /^NAME +GONE +SIZE +SINCE\na b +here +2\.0 KiB +\d{4}-/);
  assert.match(list.stdout, /to let them go: holdfast deletes docs approve/);
  const [held] = (await done(['deletes', 'docs', 'list'])) as Record<string, unknown>[];
  assert.deepEqual(
    [held?.['name'], held?.['side'], held?.['size'], held?.['because']],
    ['a b', 'local', 2_048, 'mass-delete'],
  );
  assert.match(
    (await holdfast(dir, ['status'], env)).stdout,
    /^docs: 1 delete waits since .*holdfast deletes docs list$/m,
  );
  assert.match(
    (await holdfast(dir, ['problems'], env)).stdout,
    /the whole pair\n +deletes-held: 1 delete waits/,
  );
  assert.match(
    (await holdfast(dir, ['why', 'docs', 'a b'], env)).stdout,
    /deletes of this pair wait for an operator/,
  );
  const doctor = await holdfast(dir, ['doctor'], env);
  assert.match(doctor.stdout, /pair docs: deletes: 1 delete waits/);
  assert.equal(doctor.code, 1);
  const stopped = { ...env, HOLDFAST_FLEET_STOP_PAIRS: '1' };
  assert.match(
    (await holdfast(dir, ['status'], stopped)).stdout,
    /^THE DELETES OF ALL PAIRS ARE STOPPED since .*: those of docs were held/m,
  );
  assert.match((await holdfast(dir, ['doctor'], stopped)).stdout, /deletes of all pairs: stopped since/);
  const answer = await holdfast(dir, ['deletes', 'docs', 'revert'], env);
  assert.match(answer.stdout, /^reverted 1 delete of docs; the names come back/);
  assert.deepEqual(await done(['deletes', 'docs', 'list']), []);
  const wrong = await holdfast(dir, ['deletes', 'docs', 'forget'], env);
  assert.equal(wrong.code, 2);
});

test('doctor on a sound fleet exits 0', async () => {
  const checks = (await done(['doctor'])) as { name: string; ok: boolean }[];
  assert.ok(checks.every(({ ok }) => ok));
  assert.ok(checks.some(({ name }) => name === 'pair docs: container'));
});

test('an unknown pair is named, and where to look', async () => {
  for (const words of [
    ['pair', 'show', 'nope'],
    ['sync', 'nope'],
    ['status', 'nope'],
    ['why', 'nope', 'a'],
  ]) {
    const result = await holdfast(dir, [...words, '--json'], env);
    assert.equal(result.code, 1);
    assert.deepEqual(errorOf(result), {
      code: 'not-found',
      message: 'there is no pair "nope"; holdfast pair list shows all',
    });
  }
});

const REFUSED: readonly (readonly [string, () => Promise<Result>, number, RegExp])[] = [
  ['an unknown store', () => addPair({ store: 'nope' }), 1, /there is no store "nope"/],
  ['a wrong password', () => addPair({ store: 'locked' }), 1, /401|refused|credentials|token/],
  ['a store that refuses connections', () => addPair({ store: 'silent' }), 1, /127\.0\.0\.1:\d+/],
  ['a wrong URL', () => addPair({ store: 'elsewhere' }), 1, /404|URL|not found/i],
  [
    'a missing folder',
    () => addPair({ folder: 'missing' }),
    1,
    /there is no folder .*missing; create it first/,
  ],
  [
    'a file where the folder should be',
    () => addPair({ folder: 'a-file' }),
    1,
    /a-file is a file, not a folder/,
  ],
  [
    "a folder inside another pair's",
    () => addPair({ folder: 'docs/inner' }),
    1,
    /lies inside the folder of pair "docs"/,
  ],
  ['the folder of another pair', () => addPair({ folder: 'docs' }), 1, /is the folder of pair "docs"/],
  ['an unknown policy', () => addPair({ more: ['--policy', 'mood=good'] }), 2, /unknown policy "mood"/],
  [
    'a policy that cannot be',
    () => addPair({ more: ['--policy', 'conflict=me'] }),
    2,
    /conflict cannot be "me"; choose upstream, newest, local/,
  ],
  [
    'a missing container that may not be made',
    () => addPair({ more: ['--no-create'] }),
    1,
    /container "?new"?/,
  ],
  [
    'a name that is taken',
    () =>
      holdfast(
        dir,
        ['pair', 'add', 'docs', '--folder', 'other', '--store', 'cloud', '--container', 'x'],
        env,
      ),
    1,
    /there is a pair "docs" already/,
  ],
  ['a store in use', () => holdfast(dir, ['store', 'remove', 'cloud'], env), 1, /docs/],
  [
    'a URL that is none',
    () => holdfast(dir, ['store', 'add', 'x', '--kind', 'swift', '--url', 'swift', '--secret-env', 'X'], env),
    2,
    /"swift" is not an http or https URL/,
  ],
  [
    'a store with a wrong secret',
    () => holdfast(dir, ['store', 'add', 'x', ...storeWords(pithos.authUrl, 'wrong')], env),
    1,
    /could not log in: answered 401; check or renew the credentials/,
  ],
  [
    'a store that does not answer',
    () => holdfast(dir, ['store', 'add', 'x', ...storeWords(nobody, 'token')], env),
    1,
    /could not log in: no complete answer \(ECONNREFUSED\)/,
  ],
  [
    'a name nobody knows',
    () => holdfast(dir, ['why', 'docs', 'never/was'], env),
    1,
    /knows nothing of "never\/was"/,
  ],
  [
    'nothing to restore',
    () => holdfast(dir, ['trash', 'docs', 'restore', 'a'], env),
    1,
    /holds nothing named "a"/,
  ],
];

for (const [what, attempt, code, sentence] of REFUSED) {
  test(`${what} is refused in one sentence`, async () => {
    const result = await attempt();
    assert.equal(result.code, code, result.stderr);
    assert.equal(result.stdout, '');
    assert.match(result.stderr, /^holdfast: [^\n]+\n$/);
    assert.match(result.stderr, sentence);
    assert.doesNotMatch(result.stderr, /right-token|wrong-token/);
  });
}

test('a refused pair leaves nothing behind', async () => {
  await addPair({ store: 'locked' });
  const pairs = (await done(['pair', 'list'])) as unknown[];
  assert.equal(pairs.length, 1);
  const added = await addPair({});
  assert.equal(added.code, 0, added.stderr);
  assert.deepEqual(await done(['pair', 'remove', 'new']), { removed: 'new' });
});

test('a secret file that everybody can read is warned of and used', async () => {
  writeFileSync(join(dir, 'open'), USER.token);
  chmodSync(join(dir, 'open'), 0o644);
  const words = [
    'store',
    'add',
    'open',
    '--kind',
    'pithos',
    '--url',
    pithos.authUrl,
    '--secret-file',
    'open',
  ];
  const added = await holdfast(dir, words, env);
  assert.equal(added.code, 0);
  assert.match(added.stderr, /^warning: /);
  assert.deepEqual(await done(['store', 'remove', 'open']), { removed: 'open' });
});

test('limits are set, shown and cleared, and history tells who did it', async () => {
  const timed = ['--between', '08:00-18:00', '--days', 'mon-fri', '--zone', 'Europe/Athens'];
  const set = await done(['limit', 'set', '--pair', 'docs', '--bytes-per-second', '5MB', ...timed]);
  const timetable = 'mon,tue,wed,thu,fri 08:00-18:00 Europe/Athens';
  const limit = {
    store: null,
    pair: 'docs',
    bytesPerSecond: 5 * 1024 ** 2,
    requestsPerSecond: null,
    timetable,
  };
  assert.deepEqual({ ...(set as object), isHolding: null }, { ...limit, isHolding: null });
  const table = await holdfast(dir, ['limit', 'show'], env);
  assert.match(
    table.stdout,
    /^pair docs +5\.0 MiB +- +mon,tue,wed,thu,fri 08:00-18:00 Europe\/Athens +(yes|no)$/m,
  );
  await done(['limit', 'clear', '--pair', 'docs']);
  const none = await holdfast(dir, ['limit', 'clear', '--json'], env);
  assert.equal(errorOf(none).code, 'not-found');
  const client = new pg.Client({ connectionString: env['DATABASE_URL'] ?? '' });
  await client.connect();
  const events = await client.query("SELECT text FROM history WHERE text LIKE '%limited%' ORDER BY id");
  const actions = await client.query(
    "SELECT actor, text FROM operator_action WHERE verb LIKE 'limit%' ORDER BY id",
  );
  await client.end();
  const [first, second] = events.rows as { text: string }[];
  assert.match(first?.text ?? '', /^limited to 5242880 bytes\/s, mon-fri 08:00-18:00 Europe\/Athens, by ./);
  assert.match(second?.text ?? '', /^no longer limited, by ./);
  const texts = (actions.rows as { text: string }[]).map(({ text }) => text);
  assert.deepEqual(texts, [
    'limited pair docs to 5242880 bytes/s, mon-fri 08:00-18:00 Europe/Athens',
    'cleared limits of pair docs',
  ]);
});

test('problems are tried again by path, by code, or all', async () => {
  const { archive, pair, close } = await openDocs();
  const names = ['full', 'full too', 'refused'];
  await giveWaiting(
    { archive, pair },
    Object.fromEntries(names.map((each) => [each, { local: localFile(1) }])),
  );
  for (const each of names)
    await archive.openProblem(pair.id, each, {
      code: each === 'refused' ? 'local-denied' : 'store-quota',
      text: 'why',
    });
  const marked = async (): Promise<string[]> =>
    (await archive.candidates(pair.id, 100))
      .map(({ entry }) => String(entry.name))
      .filter((each) => names.includes(each));
  const retry = async (...words: string[]): Promise<string> =>
    (await holdfast(dir, ['problems', 'docs', 'retry', ...words], env)).stdout;
  assert.deepEqual(await marked(), []);
  assert.equal(await retry('refused'), '1 name of docs tried again now\n');
  assert.deepEqual(await marked(), ['refused']);
  assert.equal(await retry('--code', 'store-quota'), '2 names of docs tried again now\n');
  assert.deepEqual(await marked(), names);
  assert.equal(await retry(), '3 names of docs tried again now\n');
  assert.match(await retry('unheard of'), /^no such problem of docs is open/);
  await close();
  for (const words of [
    ['docs', 'forget'],
    ['docs', 'retry', 'full', '--code', 'store-quota'],
    ['--code', 'x'],
  ])
    assert.equal((await holdfast(dir, ['problems', ...words], env)).code, 2);
});

test('a conflict is answered each way, once', async () => {
  const { archive, pair, close } = await openDocs();
  const here = (name: string) => join(dir, 'docs', name);
  const textOf = (name: string) => (existsSync(here(name)) ? readFileSync(here(name), 'utf8') : null);
  for (const name of ['one', 'two', 'three']) {
    writeFileSync(here(name), 'upstream');
    writeFileSync(here(`${name}_mine`), 'mine');
    await giveWaiting(
      { archive, pair },
      { [name]: { local: localFile(8) }, [`${name}_mine`]: { local: localFile(4) } },
    );
    const [serial] = await archive.issueSerials(1);
    const why = 'the losing content was kept as';
    await archive.appendHistory(
      pair.id,
      conflictEvents(toName(name), toName(`${name}_mine`), 'local', serial as Serial, why),
    );
  }
  await close();
  const shown = await holdfast(dir, ['conflicts', 'docs'], env);
  assert.match(shown.stdout, /docs: one: .* "one_mine" \(\d+: open\)$/m);
  assert.match(
    shown.stdout,
    /to answer one: holdfast conflicts docs keep-upstream\|keep-mine\|keep-both PATH/,
  );
  const answer = async (...words: string[]): Promise<string> =>
    (await holdfast(dir, ['conflicts', 'docs', ...words], env)).stdout;
  assert.match(await answer('keep-upstream', 'one'), /^one holds what came from upstream/);
  assert.deepEqual([textOf('one'), textOf('one_mine')], ['upstream', null]);
  const listed = (await done(['conflicts', 'docs'])) as { readonly id: string; readonly name: string }[];
  const id = listed.find(({ name }) => name === 'two')?.id ?? '';
  assert.match(await answer('keep-mine', 'two', '--item', id), /^two holds what came from here/);
  assert.deepEqual([textOf('two'), textOf('two_mine')], ['mine', null]);
  assert.match(await answer('keep-both', 'three'), /^three stays as it is/);
  assert.deepEqual([textOf('three'), textOf('three_mine')], ['upstream', 'mine']);
  assert.match(await answer(), /docs: two: .*answered with keep-mine by \S+\)$/m);

  const again = await holdfast(dir, ['conflicts', 'docs', 'keep-mine', 'two', '--item', id, '--json'], env);
  assert.equal(errorOf(again).code, 'already-exists');
  const gone = await holdfast(dir, ['conflicts', 'docs', 'keep-mine', 'three', '--json'], env);
  assert.deepEqual([gone.code, errorOf(gone).code], [1, 'not-found']);
  for (const words of [
    ['docs', 'keep-mine'],
    ['docs', 'keep-all', 'two'],
    ['docs', '--item', id],
  ])
    assert.equal((await holdfast(dir, ['conflicts', ...words], env)).code, 2);
});

test('an unreachable database is said without its password', async () => {
  const port = await freePort();
  const result = await holdfast(dir, ['status'], {
    DATABASE_URL: `postgresql://me:hush@127.0.0.1:${port}/db`,
  });
  assert.equal(result.code, 1);
  assert.match(result.stderr, /^holdfast: the database does not answer .*check DATABASE_URL[^\n]*\n$/);
  assert.doesNotMatch(result.stderr, /hush/);
});

test('an unreachable Redis is said without its password', async () => {
  const port = await freePort();
  const result = await holdfast(dir, ['status', '--json'], {
    ...env,
    REDIS_URL: `redis://:hush@127.0.0.1:${port}`,
  });
  assert.equal(result.code, 1);
  assert.equal(errorOf(result).code, 'queue-unreachable');
  assert.doesNotMatch(result.stderr, /hush/);
});

test('a database of a newer version is left alone', async (t) => {
  const url = await testDatabase(t);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at, applied_steps_count)
     VALUES ('x', 'x', '29991231000000_later', now(), 1)`,
  );
  await client.end();
  const result = await holdfast(dir, ['status', '--json'], { DATABASE_URL: url });
  assert.equal(result.code, 1);
  assert.equal(errorOf(result).code, 'schema-newer');
});
