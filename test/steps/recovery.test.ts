/** Recovery: what commits displaced is told, reachable, and can be put back, whatever became of the process that did it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { describe, it, type TestContext } from 'node:test';
import type { Name } from '#core/name.ts';
import { MemoryDatabase } from '#libs/memory/database.ts';
import { atOnce } from '#libs/memory/step.ts';
import type { TrashedContent } from '#ports/archive.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { LimitBook } from '#ports/limits.ts';
import type { Operator } from '#ports/operator.ts';
import type { Overview } from '#ports/overview.ts';
import type { Sides } from '#ports/sides.ts';
import { createOperator } from '#steps/operator/operator.ts';
import { adoptTrash, tendTrash } from '#steps/trash.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import { DELETE_HOLD, type Engine, REAL_CLOCK, SILENT, startEngine } from '#test/support/engine.ts';
import { describeOnStores } from './open-stores.ts';

const DAY_MS = 86_400_000;
/** Longer than a commit may take to tell of what it displaced. */
const LATER_MS = 300_000;
const later = { ...REAL_CLOCK, now: () => Date.now() + LATER_MS };

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textHere = (engine: Engine, name: string): Promise<string> => readFile(engine.path(name), 'utf8');

const queue = { wake: async () => {}, pollNow: async () => {} } as unknown as JobQueue;

function depsOf(engine: Engine) {
  const { archive, registry } = engine;
  const sides: Sides = {
    open: async () => engine.sides,
    login: () => Promise.resolve(),
    openNew: async () => engine.sides,
    resolveFolder: async (folder) => folder,
    close: async () => {},
  };
  const overview = {} as Overview;
  return { archive, registry, overview, queue, sides, clock: later, log: SILENT, trashMs: DAY_MS };
}

function operatorOf(engine: Engine): Operator {
  const more = { pace: { baseMs: 1, maxMs: 1 }, deleteHold: DELETE_HOLD, limits: {} as LimitBook };
  return createOperator({ ...depsOf(engine), ...more }, []);
}

async function checked(engine: Engine, withContent = true) {
  const [view] = await operatorOf(engine).recovery('pair', withContent);
  assert.ok(view !== undefined);
  return view;
}

const restore = (engine: Engine, path: string, more: { item?: string; as?: string } = {}) =>
  operatorOf(engine).trashRestore('pair', { path, item: null, as: null, ...more });

describeOnStores('displaced content', (scenario) => {
  scenario('of either side is told, reachable, and comes back', async (engine) => {
    const { other } = engine.remote;
    await writeFile(engine.path('here'), 'first here');
    await writeFile(engine.path('there'), 'first there');
    await engine.sync();
    await other.put('here', bytes('second here'));
    await writeFile(engine.path('there'), 'second there');
    await engine.sync();
    const why = await operatorOf(engine).why('pair', 'there');
    assert.deepEqual(
      why.kept.map(({ side, kind, size }) => [side, kind, size]),
      [['remote', 'version', 'first there'.length]],
    );
    const { isWhole, checked: pointers, failure } = await checked(engine);
    assert.deepEqual([isWhole, pointers, failure], [true, 2, null]);
    assert.equal((await checked(engine, false)).isWhole, true);

    await assert.rejects(restore(engine, 'here'), { code: 'already-exists' });
    await assert.rejects(restore(engine, 'there'), { code: 'already-exists' });
    await restore(engine, 'there', { as: 'there-before' });
    await rm(engine.path('here'));
    await restore(engine, 'here');
    assert.equal(await textHere(engine, 'here'), 'first here');
    assert.equal(await textHere(engine, 'there-before'), 'first there');
    assert.match((await engine.why('there-before'))[0]?.text ?? '', /restored .* where "there" was/);
    await engine.sync();
    assert.equal(await engine.upstreamText('here'), 'first here');
    assert.equal(await engine.upstreamText('there-before'), 'first there');
    assert.equal((await checked(engine)).isWhole, true);
  });

  scenario('of a name deleted on both sides comes back', async (engine) => {
    await writeFile(engine.path('a'), 'deleted here');
    await writeFile(engine.path('b'), 'deleted there');
    await engine.sync();
    await unlink(engine.path('a'));
    await engine.remote.other.remove('b');
    await engine.sync();
    assert.equal((await checked(engine)).isWhole, true);
    await restore(engine, 'a');
    await restore(engine, 'b');
    await engine.sync();
    assert.deepEqual(
      [await textHere(engine, 'a'), await textHere(engine, 'b')],
      ['deleted here', 'deleted there'],
    );
    assert.deepEqual(await engine.upstreamNames(), ['a', 'b']);
  });

  scenario('that is gone from its side is missed', async (engine) => {
    await writeFile(engine.path('a'), 'one');
    await writeFile(engine.path('b'), 'one');
    await engine.sync();
    await engine.remote.other.put('a', bytes('two'));
    await writeFile(engine.path('b'), 'two');
    await engine.sync();
    await rm(engine.path('.holdfast/trash'), { recursive: true });
    const forgetful = new Proxy(engine.remote.store, {
      get(store, key) {
        if (key === 'stage') return async () => ({ result: 'stale', reason: 'it is gone' });
        const value: unknown = Reflect.get(store, key, store);
        return typeof value === 'function' ? value.bind(store) : value;
      },
    });
    const { isWhole, missing, failure } = await checked(engine.with({ store: forgetful }));
    assert.deepEqual([isWhole, failure], [false, null]);
    assert.deepEqual(missing.map(({ name, side, kind }) => `${name} ${side} ${kind}`).toSorted(), [
      'a local trash',
      'b remote version',
    ]);
    await assert.rejects(restore(engine, 'a', { as: 'c' }), { code: 'not-found' });
  });
});

/** On a database whose time can pass. */
async function passingEngine(t: TestContext): Promise<{ engine: Engine; passTime(ms: number): void }> {
  let passedMs = 0;
  const database = new MemoryDatabase({ now: () => Date.now() + passedMs });
  const parts = { archive: database.archive(atOnce), registry: database.registry(atOnce) };
  const engine = await startEngine(t, await openMemory(), { database: parts });
  const passTime = (ms: number): void => {
    passedMs += ms;
  };
  return { engine, passTime };
}

/** A file here that upstream replaced: its content went to the trash. */
async function displace(engine: Engine): Promise<TrashedContent> {
  await writeFile(engine.path('doc'), 'first');
  await engine.sync();
  await engine.remote.other.put('doc', bytes('second'));
  await engine.sync();
  const [item] = await engine.archive.trash(engine.pairId, null);
  assert.ok(item !== undefined);
  return item;
}

const contentOf = (engine: Engine, { pointer }: TrashedContent): string =>
  engine.path(`.holdfast/trash/${pointer.locator}`);

describe('the trash', () => {
  it('is compared with what is told of it, and adopted where nothing tells', async (t) => {
    const { engine } = await passingEngine(t);
    const item = await displace(engine);
    await engine.archive.settleTrash(item.id, 'gone');
    const { isWhole, untold } = await checked(engine);
    assert.deepEqual(
      [isWhole, untold.map(({ name, locator }) => [name, locator])],
      [false, [['doc', item.pointer.locator]]],
    );

    const pair = await engine.pair();
    await adoptTrash(pair, engine.folder, Date.now() - LATER_MS, depsOf(engine));
    assert.equal((await checked(engine)).isWhole, false, 'its own commit may still tell of it');
    await adoptTrash(pair, engine.folder, later.now(), depsOf(engine));
    await adoptTrash(pair, engine.folder, later.now(), depsOf(engine));
    const [adopted, ...more] = await engine.archive.trash(engine.pairId, null);
    assert.deepEqual([adopted?.pointer, adopted?.serial, more], [item.pointer, item.serial, []]);
    assert.deepEqual((await engine.why('doc')).filter(({ kind }) => kind === 'recovered').length, 1);
    assert.equal((await checked(engine)).isWhole, true);
  });

  it('has what a late writer made kept as a conflict copy, also when its process died saying so', async (t) => {
    for (const dies of [false, true]) {
      const { engine, passTime } = await passingEngine(t);
      const item = await displace(engine);
      await writeFile(contentOf(engine, item), 'first and more');
      if (dies) await engine.folder.lookAgain(item.name, item.pointer, () => 'copy' as Name);
      passTime(LATER_MS);
      assert.equal(await tendTrash('default', { ...depsOf(engine), origin: 'here' }), 1);
      assert.equal((await checked(engine)).isWhole, true);
      assert.deepEqual(await operatorOf(engine).trashList('pair'), []);
      assert.equal(await tendTrash('default', { ...depsOf(engine), origin: 'here' }), 1);
      assert.deepEqual(await engine.archive.trash(engine.pairId, null), []);
      assert.deepEqual(await readdir(engine.path('.holdfast/trash')), []);
      const texts = await Promise.all(
        (await readdir(engine.root))
          .filter((name) => name !== '.holdfast')
          .map((name) => textHere(engine, name)),
      );
      assert.deepEqual(texts.toSorted(), ['first and more', 'second']);
      if (dies) continue;
      const copy = (await readdir(engine.root)).find((name) => name.startsWith('doc_')) ?? '';
      assert.equal((await engine.why(copy))[0]?.text, 'made as the conflict copy of "doc"');
    }
  });

  it('is looked at once more before it is discarded', async (t) => {
    const { engine, passTime } = await passingEngine(t);
    const item = await displace(engine);
    const tend = () => tendTrash('default', { ...depsOf(engine), origin: 'here' });
    passTime(LATER_MS);
    assert.equal(await tend(), 1);
    await writeFile(contentOf(engine, item), 'very late');
    passTime(2 * DAY_MS);
    assert.equal(await tend(), 1);
    assert.equal(existsSync(contentOf(engine, item)), false);
    const copies = (await readdir(engine.root)).filter((name) => name.startsWith('doc_'));
    assert.deepEqual(await Promise.all(copies.map((name) => textHere(engine, name))), ['very late']);
  });
});
