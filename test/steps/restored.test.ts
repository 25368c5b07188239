/**
 * Restored: a side or the database that went back in time is noticed by whoever looks first,
 * before anything is decided or committed; then both sides are united and nothing is deleted.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import type { Generation } from '#core/generation.ts';
import type { Name } from '#core/name.ts';
import { MemoryDatabase } from '#libs/memory/database.ts';
import { atOnce } from '#libs/memory/step.ts';
import type { ErrorCode } from '#ports/errors.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import { Restored } from '#steps/continuity.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import { type Engine, startEngine } from '#test/support/engine.ts';
import { describeOnStores } from './open-stores.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const ALL = ['a', 'b', 'c', 'd'] as Name[];

async function writeHere(engine: Engine, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(engine.path(name), text);
}

function textHere(engine: Engine, name: string): string | null {
  return existsSync(engine.path(name)) ? readFileSync(engine.path(name), 'utf8') : null;
}

/** Contents here by name, sorted; equal to those upstream, or the test fails. */
async function contentsOnBoth(engine: Engine): Promise<readonly string[]> {
  const here = (await engine.upstreamNames()).map((name) => textHere(engine, name));
  const upstream = await Promise.all((await engine.upstreamNames()).map((name) => engine.upstreamText(name)));
  assert.deepEqual(here, upstream);
  return upstream.map((text) => text ?? '').toSorted();
}

async function assertNoticed(work: Promise<unknown>, code: ErrorCode): Promise<Restored> {
  let noticed: unknown;
  await assert.rejects(work, (thrown) => {
    noticed = thrown;
    return thrown instanceof Restored && thrown.code === code;
  });
  return noticed as Restored;
}

/** The container tells this one again, and none told since: each number has a place of its own. */
async function tellOnly(store: ObjectStore, earlier: Generation): Promise<void> {
  await store.detach();
  await store.tell(earlier);
}

/** A copy as a backup makes it. @returns what puts it back in the folder's place. */
function backUp(engine: Engine, t: TestContext): () => void {
  const backup = mkdtempSync(join(tmpdir(), 'holdfast-backup-'));
  t.after(() => rmSync(backup, { recursive: true, force: true }));
  cpSync(engine.root, backup, { recursive: true, preserveTimestamps: true });
  return () => {
    rmSync(engine.root, { recursive: true });
    cpSync(backup, engine.root, { recursive: true, preserveTimestamps: true });
  };
}

/** Two generations; in the second b was deleted, a edited and d made. */
async function liveOn(engine: Engine): Promise<void> {
  await writeHere(engine, { a: 'edited', d: 'new' });
  await unlink(engine.path('b'));
  await engine.sync();
  await engine.tell();
}

describeOnStores('a folder restored from a backup', (onStores) => {
  onStores('deletes and overwrites nothing upstream', async (engine, t) => {
    await writeHere(engine, { a: 'first', b: 'second', c: 'third' });
    await engine.sync();
    await engine.tell();
    const restore = backUp(engine, t);
    await liveOn(engine);
    await engine.archive.mark(engine.pairId, 'local', ['c'] as Name[]);
    restore();
    await engine.archive.mark(engine.pairId, 'local', ALL);
    await assertNoticed(engine.decide(), 'folder-restored');
    const { union } = await assertNoticed(engine.scan(), 'folder-restored');
    assert.deepEqual(await engine.upstreamNames(), ['a', 'c', 'd']);
    assert.equal(await engine.registry.startUnion(engine.pairId, union), true);
    await engine.sync();
    assert.deepEqual(await contentsOnBoth(engine), ['edited', 'first', 'new', 'second', 'third']);
    assert.equal(textHere(engine, 'a'), 'edited');
    await engine.tell();
    await engine.sync();
    assert.match((await engine.pair()).union?.reason ?? '', /was restored from a backup/);
  });

  onStores('keeps a delete that was decided before from being carried out', async (engine, t) => {
    await writeHere(engine, { a: 'first', b: 'second' });
    await engine.sync();
    await engine.tell();
    const restore = backUp(engine, t);
    await writeHere(engine, { c: 'third' });
    await engine.sync();
    await engine.tell();
    await unlink(engine.path('a'));
    await engine.scan();
    await engine.decide();
    const jobs = await engine.dispatch();
    restore();
    await unlink(engine.path('a'));
    await assertNoticed(engine.transfer(jobs), 'folder-restored');
    assert.deepEqual(await engine.upstreamNames(), ['a', 'b', 'c']);
  });

  onStores(
    'or copied in part deletes nothing upstream, though its marker is the latest',
    async (engine, t) => {
      await writeHere(engine, { a: 'first', b: 'second' });
      await engine.sync();
      await engine.tell();
      const restore = backUp(engine, t);
      restore();
      await unlink(engine.path('a'));
      const { union } = await assertNoticed(engine.scan(), 'folder-restored');
      await engine.registry.startUnion(engine.pairId, union);
      await engine.sync();
      assert.deepEqual(await contentsOnBoth(engine), ['first', 'second']);
    },
  );
});

/** Goes back in time right before it is told anything. */
function restoredBeforeTold(store: ObjectStore, earlier: Generation): ObjectStore {
  return new Proxy(store, {
    get(target, property) {
      if (property === 'tell') {
        return async (generation: Generation) => {
          await tellOnly(target, earlier);
          return target.tell(generation);
        };
      }
      const value: unknown = Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describeOnStores('a container restored to an earlier state', (onStores) => {
  onStores('is noticed also where that was between a look of the poller and its telling', async (engine) => {
    const { store } = engine.remote;
    await writeHere(engine, { a: 'first' });
    await engine.sync();
    await engine.tell();
    const earlier = (await store.container()).generations[0] ?? assert.fail('it was told nothing');
    for (const name of ['b', 'c', 'd', 'e']) {
      await writeHere(engine, { [name]: name });
      await engine.sync();
      if (name !== 'e') await engine.tell();
    }
    await engine.registry.beginGenerations(0);
    await engine.with({ store: restoredBeforeTold(store, earlier) }).pollJob();
    assert.match((await engine.pair()).union?.reason ?? '', /^the container .* was restored from a backup/);
  });

  onStores('deletes and overwrites nothing here', async (engine) => {
    const { other, store } = engine.remote;
    await writeHere(engine, { a: 'first', b: 'second', c: 'third' });
    await engine.sync();
    await engine.tell();
    const earlier = (await store.container()).generations[0] ?? assert.fail('it was told nothing');
    await liveOn(engine);
    // Its candidates were listed before; nothing was deleted here yet.
    await other.put('a', bytes('first'));
    await other.put('b', bytes('second'));
    await other.remove('d');
    await engine.archive.mark(engine.pairId, 'remote', ALL);
    await tellOnly(store, earlier);
    await assertNoticed(engine.decide(), 'container-restored');
    const { union } = await assertNoticed(engine.poll(), 'container-restored');
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((name) => textHere(engine, name)),
      ['edited', null, 'third', 'new'],
    );
    await engine.registry.startUnion(engine.pairId, union);
    await engine.sync();
    assert.deepEqual(await contentsOnBoth(engine), ['edited', 'first', 'new', 'second', 'third']);
  });

  onStores('keeps a delete that was decided before from being carried out', async (engine) => {
    const { other, store } = engine.remote;
    await writeHere(engine, { a: 'first', b: 'second' });
    await engine.sync();
    await engine.tell();
    const earlier = (await store.container()).generations[0] ?? assert.fail('it was told nothing');
    await writeHere(engine, { c: 'third' });
    await engine.sync();
    await engine.tell();
    await other.remove('a');
    await engine.poll();
    await engine.decide();
    const jobs = await engine.dispatch();
    await tellOnly(store, earlier);
    await assertNoticed(engine.transfer(jobs), 'container-restored');
    assert.equal(textHere(engine, 'a'), 'first');
  });
});

describeOnStores('a pair united while a worker stood still', (onStores) => {
  /** Right before the effect of a delete the database tells of a union that began since. */
  const unite = (engine: Engine, t: TestContext): void => {
    const load = engine.registry.loadPair.bind(engine.registry);
    let loads = 0;
    t.mock.method(engine.registry, 'loadPair', async (id: number) => {
      const pair = await load(id);
      loads += 1;
      return pair === null || loads === 1 ? pair : { ...pair, revision: pair.revision + 1_000 };
    });
  };

  onStores('keeps what his order would take away', async (engine, t) => {
    const { other } = engine.remote;
    await writeHere(engine, { a: 'first', b: 'second', c: 'third' });
    await engine.sync();
    await unlink(engine.path('a'));
    await other.remove('b');
    await engine.scan();
    await engine.poll();
    await engine.decide();
    const jobs = await engine.dispatch();
    unite(engine, t);
    await engine.transfer(jobs);
    assert.deepEqual(await engine.upstreamNames(), ['a', 'c']);
    assert.equal(textHere(engine, 'b'), 'second');
    t.mock.restoreAll();
    await engine.sync();
    assert.deepEqual(await contentsOnBoth(engine), ['third']);
  });
});

async function withDatabase(t: TestContext): Promise<{ engine: Engine; database: MemoryDatabase }> {
  const database = new MemoryDatabase({ now: Date.now });
  const parts = { archive: database.archive(atOnce), registry: database.registry(atOnce) };
  return { engine: await startEngine(t, await openMemory(), { database: parts }), database };
}

it('a database restored from a backup deletes and overwrites nothing, and issues fresh serials', async (t) => {
  const { engine, database } = await withDatabase(t);
  const { other } = engine.remote;
  await writeHere(engine, { a: 'first', b: 'second', c: 'third' });
  await engine.sync();
  await engine.tell();
  const backup = database.snapshot();
  await liveOn(engine);
  // Decisions of the time that will be lost, and a worker that goes on with one of them.
  await writeHere(engine, { e: 'sent by a worker that knows of no restoring' });
  await engine.scan();
  await engine.decide();
  const lost = await engine.dispatch();
  const last = database.lastSerial;
  // Made again, and reverted: the old database takes both for what it synced, and the other side for the change.
  await other.put('b', bytes('second'));
  await writeHere(engine, { a: 'first' });
  database.restore(backup);

  await assertNoticed(engine.transfer(lost), 'database-restored');
  await engine.archive.mark(engine.pairId, 'both', ALL);
  await assertNoticed(engine.decide(), 'database-restored');
  await assertNoticed(engine.poll(), 'database-restored');
  const { union } = await assertNoticed(engine.scan(), 'database-restored');
  assert.equal(await engine.registry.startUnion(engine.pairId, union), true);
  assert.ok(database.lastSerial > last);
  await engine.scan();
  await engine.poll();
  await engine.decide();
  assert.deepEqual(await engine.transfer(lost), { acknowledged: 0, released: 0 });
  await engine.sync();
  const kept = ['edited', 'first', 'new', 'second', 'sent by a worker that knows of no restoring', 'third'];
  assert.deepEqual(await contentsOnBoth(engine), kept);
  assert.equal(textHere(engine, 'a'), 'edited');
  await engine.tell();
  await engine.sync();
});

it('a database restored while a decider looks decides nothing on what it forgot', async (t) => {
  const { engine, database } = await withDatabase(t);
  await writeHere(engine, { a: 'first', b: 'second' });
  await engine.sync();
  await engine.tell();
  const backup = database.snapshot();
  await writeHere(engine, { c: 'third' });
  await rm(engine.path('b'));
  await engine.sync();
  await engine.tell();
  await engine.remote.other.put('b', bytes('second'));
  await engine.archive.mark(engine.pairId, 'both', ALL);
  const { candidates } = engine.archive;
  const restoring = engine.with({
    archive: {
      ...engine.archive,
      candidates: async (pairId, limit) => {
        database.restore(backup);
        await engine.archive.mark(pairId, 'both', ALL);
        return candidates(pairId, limit);
      },
    },
  });
  await assertNoticed(restoring.decide(), 'database-restored');
  assert.equal(await engine.upstreamText('b'), 'second');
});
