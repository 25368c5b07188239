/**
 * Disasters on real processes: a side goes away, is replaced, emptied or restored, the state
 * database goes back in time, the queue is emptied. The other side keeps everything, the pair
 * says what is wrong, and goes on by itself or after one command; then every content is there.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, rename, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { migrate } from '#libs/archive-prisma/migrate.ts';
import { type PithosServer, startPithosServer } from '#libs/pithos-server/server.ts';
import type { PairStatus } from '#ports/operator.ts';
import { type App, secretFile, startFleet, type TestFleet } from '#test/support/fleet.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { type OwnPostgres, ownPostgres, ownRedis } from '#test/support/services.ts';
import { copyTemplate, databaseOf, dropDatabase } from '#test/support/template-database.ts';
import { temporaryDirectory } from '#test/support/temporary-directory.ts';
import { readTree } from '#test/support/trees.ts';
import { type RawPithosContainer, rawPithosContainer } from './raw-container.ts';

const USERS = [
  { token: 'disasters-token', userId: 'disasters-user', name: 'Disasters' },
  { token: 'revoked-token', userId: 'revoked-user', name: 'Revoked' },
] as const;
const APPS: readonly App[] = ['watcher', 'poller', 'decider', 'transfer'];
/** Within a minute, but the machine may be busy. */
const DEADLINE_MS = 180_000;
const TIMEOUT_MS = 400_000;
const LOOK_EVERY_MS = 500;
const STATE = 'state';
const BACKUP = 'backup';
const INTERVALS = {
  HOLDFAST_SWEEP_INTERVAL_MS: '500',
  HOLDFAST_POLL_INTERVAL_MS: '500',
  HOLDFAST_POLL_MAX_INTERVAL_MS: '1000',
  HOLDFAST_GENERATION_MS: '500',
  // What strikes one pair here is no sign that something is wrong with the others.
  HOLDFAST_FLEET_STOP_PAIRS: '0',
};

interface Struck {
  readonly name: string;
  readonly folder: string;
  readonly upstream: RawPithosContainer;
  /** By name, as both sides held them before the disaster. */
  readonly contents: ReadonlyMap<string, string>;
}

describe('after a disaster nothing is deleted, and both sides become equal', { timeout: TIMEOUT_MS }, () => {
  const ends = new LastFirst();
  let fleet: TestFleet;
  let postgres: OwnPostgres;
  let redisUrl: string;
  let server: PithosServer;

  before(async () => {
    postgres = await ownPostgres(ends, { fast: true });
    const redis = await ownRedis(ends);
    redisUrl = redis.url;
    const dir = await temporaryDirectory(ends, 'holdfast-disasters-pithos-');
    server = await startPithosServer({ dir, users: [...USERS] });
    ends.after(() => server.close());
    await copyTemplate(postgres.url, 'template0', STATE);
    const databaseUrl = databaseOf(postgres.url, STATE);
    await migrate(databaseUrl);
    fleet = await startFleet(ends, { databaseUrl, redisUrl, env: INTERVALS });
    for (const [index, { token }] of USERS.entries()) {
      const secret = await secretFile(fleet, { token });
      const name = `store-${index}`;
      await fleet.json(
        'store',
        'add',
        name,
        '--kind',
        'pithos',
        '--url',
        server.authUrl,
        '--secret-file',
        secret,
      );
    }
  });
  after(() => ends.undo());

  async function addPair(name: string, user = 0, folder?: string): Promise<Struck> {
    const root = folder ?? (await temporaryDirectory(ends, `holdfast-disasters-${name}-`));
    const { userId, token } = USERS[user] ?? assert.fail('no such user');
    const upstream = rawPithosContainer(server, { userId, token }, name);
    await mkdir(join(root, 'dir'));
    for (const each of ['one', 'two', 'dir/three']) await writeFile(join(root, each), `${each} of ${name}`);
    for (const each of ['four', 'dir/five']) await upstream.put(each, Buffer.from(`${each} of ${name}`));
    await fleet.json('pair', 'add', name, '--folder', root, '--store', `store-${user}`, '--container', name);
    await fleet.sync(name);
    const contents = await upstream.contents();
    assert.equal(contents.size, 5);
    return { name, folder: root, upstream, contents };
  }

  function until(pair: Struck, isReached: (status: PairStatus) => boolean): Promise<PairStatus> {
    return fleet.untilStatus(pair.name, isReached, { deadlineMs: DEADLINE_MS, everyMs: LOOK_EVERY_MS });
  }

  async function untilDisabled(pair: Struck, code: string): Promise<void> {
    const { disabled } = await until(pair, (status) => status.disabled !== null);
    assert.equal(disabled?.code, code);
    assert.ok(disabled.reason.includes(`holdfast pair resume ${pair.name}`), disabled.reason);
    const problems = await fleet.json<{ code: string }[]>('problems', pair.name);
    assert.ok(problems.some((problem) => problem.code === code));
  }

  async function filesHere({ folder }: Struck): Promise<Map<string, string>> {
    const entries = [...(await readTree(folder))].filter(([, { kind }]) => kind === 'file');
    return new Map(entries.map(([name, { md5 }]) => [name, md5]));
  }

  /** Both sides are equal, stay so, and hold what they held before, and what came since. */
  async function assertWhole(pair: Struck): Promise<void> {
    await fleet.sync(pair.name);
    const here = await filesHere(pair);
    assert.deepEqual(
      new Map([...here].toSorted()),
      new Map([...(await pair.upstream.contents())].toSorted()),
    );
    for (const [name, md5] of pair.contents) assert.ok([...here.values()].includes(md5), `${name} is kept`);
    assert.deepEqual(await fleet.json('plan', pair.name), []);
  }

  it('a container that was emptied is held until an operator reverts it', async () => {
    const pair = await addPair('emptied');
    for (const name of pair.contents.keys()) await pair.upstream.remove(name);
    await until(pair, ({ condition }) => condition === 'deletes-held');
    assert.deepEqual(await filesHere(pair), pair.contents);
    await fleet.json('deletes', pair.name, 'revert');
    await assertWhole(pair);
  });

  it('a container that was made anew is filled again after a resume', async () => {
    const pair = await addPair('recreated');
    await pair.upstream.recreate();
    await pair.upstream.put('one', Buffer.from('another one'));
    await untilDisabled(pair, 'container-replaced');
    assert.deepEqual(await filesHere(pair), pair.contents);
    await fleet.json('pair', 'resume', pair.name);
    await assertWhole(pair);
  });

  it('a folder that was unmounted and mounted again goes on by itself', async (t) => {
    const volume = await temporaryDirectory(ends, 'holdfast-disasters-volume-');
    const folder = await temporaryDirectory(ends, 'holdfast-disasters-unmounted-');
    if (spawnSync('mount', ['--bind', volume, folder]).status !== 0) {
      t.skip('nothing can be mounted here');
      return;
    }
    ends.after(() => void spawnSync('umount', ['--lazy', folder]));
    const pair = await addPair('unmounted', 0, folder);
    execFileSync('umount', ['--lazy', folder]);
    await untilDisabled(pair, 'folder-unmarked');
    assert.deepEqual(await pair.upstream.contents(), pair.contents);
    execFileSync('mount', ['--bind', volume, folder]);
    await until(pair, ({ condition }) => condition !== 'disabled');
    await assertWhole(pair);
    assert.equal((await filesHere(pair)).size, pair.contents.size);
  });

  it('a folder that was moved away and back goes on by itself', async () => {
    const pair = await addPair('missing');
    await rename(pair.folder, `${pair.folder}-elsewhere`);
    await untilDisabled(pair, 'folder-missing');
    await rename(`${pair.folder}-elsewhere`, pair.folder);
    await until(pair, ({ condition }) => condition !== 'disabled');
    await assertWhole(pair);
  });

  it('a folder that was replaced by an empty one is filled again after a resume', async () => {
    const pair = await addPair('replaced');
    await rename(pair.folder, `${pair.folder}-elsewhere`);
    await mkdir(pair.folder);
    await untilDisabled(pair, 'folder-unmarked');
    assert.deepEqual(await pair.upstream.contents(), pair.contents);
    await fleet.json('pair', 'resume', pair.name);
    await assertWhole(pair);
    assert.equal((await filesHere(pair)).size, pair.contents.size);
  });

  it('a pair whose credentials were revoked goes on by itself when they are good again', async () => {
    const pair = await addPair('revoked', 1);
    const [, { token, userId }] = USERS;
    server.control.revokeToken(token);
    await writeFile(join(pair.folder, 'meanwhile'), 'written meanwhile');
    await untilDisabled(pair, 'credentials-refused');
    server.control.renewToken(userId, token);
    await until(pair, ({ condition }) => condition !== 'disabled');
    await assertWhole(pair);
    assert.equal((await filesHere(pair)).size, pair.contents.size + 1);
  });

  it('a queue that was emptied costs nothing', async () => {
    const pair = await addPair('flushed');
    const redis = new Redis(redisUrl);
    await writeFile(join(pair.folder, 'here'), 'made here');
    await pair.upstream.put('there', Buffer.from('made upstream'));
    await redis.flushall();
    await redis.quit();
    await until(pair, ({ condition }) => condition === 'in-sync');
    await assertWhole(pair);
    assert.equal((await filesHere(pair)).size, pair.contents.size + 2);
  });

  it('a state database that was restored from a backup unites both sides by itself', async () => {
    const pair = await addPair('restored');
    await stopFleet();
    const { begun } = await generationsOf(pair);
    await copyTemplate(postgres.url, STATE, BACKUP);
    await startAgain();
    // What the backup knows nothing of: synced, and then undone while no process runs.
    await unlink(join(pair.folder, 'one'));
    await writeFile(join(pair.folder, 'two'), 'two was edited');
    await pair.upstream.put('six', Buffer.from('six'));
    await fleet.sync(pair.name);
    const deadline = Date.now() + DEADLINE_MS;
    while ((await generationsOf(pair)).told <= begun) {
      assert.ok(Date.now() < deadline, 'both sides are told a later generation');
      await delay(LOOK_EVERY_MS);
    }
    await stopFleet();
    await pair.upstream.put('one', Buffer.from('one of restored'));
    await writeFile(join(pair.folder, 'two'), 'two of restored');
    await writeFile(join(pair.folder, 'seven'), 'seven');
    await dropDatabase(postgres.url, STATE);
    await copyTemplate(postgres.url, BACKUP, STATE);
    await startAgain();
    const { notes } = await until(pair, (status) => status.notes.length > 0);
    assert.match(notes.join(), /the state database was restored from a backup.*nothing is deleted/);
    await assertWhole(pair);
    const files = await filesHere(pair);
    assert.equal(files.size, pair.contents.size + 3, [...files.keys()].join());
    assert.ok(files.has('six') && files.has('seven'));
    const conflicts = await fleet.json<{ name: string }[]>('conflicts', pair.name);
    assert.deepEqual(
      conflicts.map(({ name }) => name),
      ['two'],
    );
    await fleet.json('pair', 'resume', pair.name);
    await until(pair, (status) => status.notes.length === 0);
  });

  async function generationsOf(pair: Struck): Promise<{ begun: number; told: number }> {
    const client = new pg.Client({ connectionString: databaseOf(postgres.url, STATE) });
    await client.connect();
    try {
      const columns = 'generation::int AS begun, least(local_generation, remote_generation)::int AS told';
      const { rows } = await client.query(`SELECT ${columns} FROM pair WHERE name = $1`, [pair.name]);
      return rows[0] as { begun: number; told: number };
    } finally {
      await client.end();
    }
  }

  async function stopFleet(): Promise<void> {
    await Promise.all(APPS.map((app) => fleet.signal(app, 'SIGTERM')));
  }

  async function startAgain(): Promise<void> {
    await Promise.all(APPS.map((app) => fleet.start(app)));
  }
});
