/** Faults: parts that fail or lie in the middle of the steps. Neighbours go on, nothing is concluded, nothing happens twice. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, unlink, utimes, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { Name } from '#core/name.ts';
import type { Archive } from '#ports/archive.ts';
import { type ErrorCode, HoldfastError } from '#ports/errors.ts';
import type { ListPage, ObjectStore } from '#ports/object-store.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import { type Engine, type EngineOptions, startEngine } from '#test/support/engine.ts';
import { describeOnStores, type Scenario } from './open-stores.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textHere = (engine: Engine, name: string): Promise<string> => readFile(engine.path(name), 'utf8');

function scenario(name: string, run: Scenario, options: EngineOptions = {}): void {
  it(name, async (t) => run(await startEngine(t, await openMemory(), options), t));
}

/** An object with some methods taken over; the others keep their own `this`. */
function wrapped<Port extends object>(port: Port, over: Partial<Port>): Port {
  return new Proxy(port, {
    get: (target, key) => {
      if (Object.hasOwn(over, key)) return Reflect.get(over, key);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function failingPull(store: ObjectStore, failing: string, code: ErrorCode): ObjectStore {
  return wrapped(store, {
    pull: async (name, content, order) => {
      if (name === failing) throw new HoldfastError(code, `the store says ${code}`);
      return store.pull(name, content, order);
    },
  });
}

/** Three new files here, decided and handed out in one job. */
async function threeUploads(engine: Engine) {
  for (const name of ['a', 'b', 'c']) await writeFile(engine.path(name), name);
  await engine.scan();
  await engine.poll();
  await engine.decide();
  return engine.dispatch();
}

async function acknowledgements(engine: Engine, name: string): Promise<number> {
  return (await engine.why(name)).filter(({ kind }) => kind === 'acknowledged').length;
}

describe('an error of the store in the middle of a batch', () => {
  scenario('that passes is retried, and shown from the third time on', async (engine) => {
    const failing = engine.with({ store: failingPull(engine.remote.store, 'b', 'store-unavailable') });
    let jobs = await threeUploads(engine);
    for (const shown of [0, 0, 1]) {
      await failing.transfer(jobs);
      assert.equal((await engine.archive.problems(engine.pairId)).length, shown);
      jobs = [];
      while (jobs.length === 0) jobs = await engine.dispatch();
    }
    assert.deepEqual(await engine.upstreamNames(), ['a', 'c'], 'neighbours are not held up');
    await engine.transfer(jobs);
    await engine.drain();
    assert.deepEqual(await engine.upstreamNames(), ['a', 'b', 'c']);
    assert.deepEqual(await engine.archive.problems(engine.pairId), []);
  });

  scenario('that stays is a problem at once, and tried again by the next full scan', async (engine) => {
    const failing = engine.with({ store: failingPull(engine.remote.store, 'b', 'store-quota') });
    await failing.transfer(await threeUploads(engine));
    await failing.drain();
    assert.deepEqual(
      (await engine.archive.problems(engine.pairId)).map(({ name, code }) => `${name} ${code}`),
      ['b store-quota'],
    );
    await failing.sync();
    await engine.sync();
    assert.equal(await engine.upstreamText('b'), 'b');
    assert.deepEqual(await engine.archive.problems(engine.pairId), []);
  });

  scenario('that ends the pair records what was done and hands the rest back', async (engine) => {
    const failing = engine.with({ store: failingPull(engine.remote.store, 'b', 'credentials-refused') });
    const jobs = await threeUploads(engine);
    await assert.rejects(failing.transfer(jobs), { code: 'credentials-refused' });
    assert.equal(await acknowledgements(engine, 'a'), 1);
    assert.equal(await acknowledgements(engine, 'b'), 0);
    await engine.drain();
    assert.deepEqual(await engine.upstreamNames(), ['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c']) assert.equal(await acknowledgements(engine, name), 1);
  });

  scenario('while probing is a problem that keeps no pair from being quiet', async (engine) => {
    await engine.remote.other.put('a', bytes('a'));
    await engine.sync();
    await engine.remote.other.put('a', bytes('changed'));
    await engine.remote.other.put('b', bytes('b'));
    const failing = engine.with({
      store: wrapped(engine.remote.store, {
        probe: async (name, identity) => {
          if (name === 'a') throw new HoldfastError('store-unavailable', 'not now');
          return engine.remote.store.probe(name, identity);
        },
      }),
    });
    await failing.sync();
    assert.equal(await textHere(engine, 'b'), 'b');
    assert.equal(await textHere(engine, 'a'), 'a');
    await engine.sync();
    assert.equal(await textHere(engine, 'a'), 'changed');
    assert.deepEqual(await engine.archive.problems(engine.pairId), []);
  });
});

describe('the database away between commit and acknowledgement', () => {
  for (const when of ['before', 'after'] as const) {
    scenario(`${when} it was written: the repeat has one effect`, async (engine) => {
      let failures = 1;
      const archive = wrapped<Archive>(engine.archive, {
        acknowledge: async (...given) => {
          if (when === 'after') await engine.archive.acknowledge(...given);
          if (failures > 0) {
            failures -= 1;
            throw new HoldfastError('database-unreachable', 'gone');
          }
          return engine.archive.acknowledge(...given);
        },
      });
      const jobs = await threeUploads(engine);
      await assert.rejects(engine.with({ archive }).transfer(jobs), { code: 'database-unreachable' });
      const again = engine.with({
        // The claim of the worker that failed ends by itself.
        archive: wrapped<Archive>(engine.archive, {
          claim: async (pairId, items) => {
            const entries = await engine.archive.load(
              pairId,
              items.map(({ name }) => name),
            );
            return entries.filter(({ decision }) => items.some(({ serial }) => serial === decision?.serial));
          },
        }),
      });
      await again.transfer(jobs);
      await engine.drain();
      for (const name of ['a', 'b', 'c']) assert.equal(await acknowledgements(engine, name), 1);
      assert.deepEqual(await engine.upstreamNames(), ['a', 'b', 'c']);
      await engine.scan();
      await engine.poll();
      assert.equal((await engine.decide()).taken, 0);
    });
  }
});

describe('a pair that is removed while its job runs', () => {
  scenario('ends the job without an error of its own', async (engine) => {
    const jobs = await threeUploads(engine);
    const removing = engine.with({
      store: wrapped(engine.remote.store, {
        pull: async (name, content, order) => {
          const outcome = await engine.remote.store.pull(name, content, order);
          if (name === 'b') await engine.registry.removePair(engine.pairId);
          return outcome;
        },
      }),
    });
    assert.deepEqual(await removing.transfer(jobs), { acknowledged: 0, released: 0 });
  });

  scenario('deletes nothing any more', async (engine) => {
    await engine.remote.other.put('a', bytes('a'));
    await engine.sync();
    await engine.remote.other.remove('a');
    await engine.poll();
    await engine.decide();
    const jobs = await engine.dispatch();
    const removing = engine.with({
      store: wrapped(engine.remote.store, {
        probe: async (name, identity) => {
          await engine.registry.removePair(engine.pairId);
          return engine.remote.store.probe(name, identity);
        },
      }),
    });
    assert.equal((await removing.transfer(jobs)).acknowledged, 0);
    assert.equal(await textHere(engine, 'a'), 'a');
  });
});

describeOnStores('a side that goes away', (onStores) => {
  onStores('in the middle of a scan deletes nothing upstream', async (engine) => {
    await mkdir(engine.path('d'));
    for (const name of ['a', 'd/b', 'z']) await writeFile(engine.path(name), name);
    await engine.sync();
    for (const name of ['a', 'd', 'z', '.holdfast']) await rm(engine.path(name), { recursive: true });
    await engine.archive.mark(engine.pairId, 'local', ['a', 'd', 'd/b', 'z'] as Name[]);
    await assert.rejects(engine.scan(), { code: 'folder-unmarked' });
    await assert.rejects(engine.decide(), { code: 'folder-unmarked' });
    assert.deepEqual(await engine.upstreamNames(), ['a', 'd', 'd/b', 'z']);
  });

  onStores('between decision and commit deletes nothing upstream', async (engine) => {
    for (const name of ['a', 'b']) await writeFile(engine.path(name), name);
    await engine.sync();
    await unlink(engine.path('a'));
    await engine.scan();
    await engine.decide();
    const jobs = await engine.dispatch();
    await rm(engine.path('.holdfast'), { recursive: true });
    await assert.rejects(engine.transfer(jobs), { code: 'folder-unmarked' });
    assert.deepEqual(await engine.upstreamNames(), ['a', 'b']);
  });

  for (const how of ['dropContainer', 'recreateContainer'] as const) {
    onStores(`by ${how} between decision and commit deletes nothing here`, async (engine) => {
      const { other } = engine.remote;
      for (const name of ['a', 'b']) await other.put(name, bytes(name));
      await engine.sync();
      await other.remove('a');
      await engine.poll();
      await engine.decide();
      const jobs = await engine.dispatch();
      await other.remove('b');
      await engine.archive.mark(engine.pairId, 'remote', ['b' as Name]);
      await other[how]();
      const code = how === 'dropContainer' ? 'container-missing' : 'container-replaced';
      await assert.rejects(engine.transfer(jobs), { code });
      await assert.rejects(engine.decide(), { code });
      await assert.rejects(engine.poll(), { code });
      assert.equal(await textHere(engine, 'a'), 'a');
      assert.equal(await textHere(engine, 'b'), 'b');
    });
  }
});

describe('a listing that is behind', () => {
  scenario('neither deletes nor brings back anything', async (engine) => {
    const { other, store } = engine.remote;
    const names = Array.from({ length: 120 }, (_, index) => `f${String(index).padStart(4, '0')}`);
    for (const name of names) await other.put(name, bytes(name));
    await engine.sync();
    const old: ListPage = await store.list(null, 10_000);
    // Few enough that no operator has to answer.
    for (const name of names.slice(0, 40)) await other.remove(name);
    await other.put('new', bytes('new'));
    await engine.sync();
    const lagging = engine.with({ store: wrapped(store, { list: async () => old }) });
    for (const name of names.slice(0, 5)) await writeFile(engine.path(name), 'again');
    await lagging.sync();
    assert.equal(await textHere(engine, 'new'), 'new', 'missing from the listing is no delete');
    for (const name of names.slice(0, 5)) assert.equal(await engine.upstreamText(name), 'again');
    for (const name of names.slice(5, 40)) assert.equal(existsSync(engine.path(name)), false);
    await lagging.scan();
    await lagging.poll();
    assert.equal((await lagging.decide()).decided, 0);
    assert.equal((await engine.upstreamNames()).length, 86);
  });
});

describe('a name that becomes excluded', () => {
  const excluded = new Set<string>();
  scenario(
    'while its decision is pending is left alone on both sides',
    async (engine) => {
      const jobs = await threeUploads(engine);
      excluded.add('b');
      await engine.transfer(jobs);
      await engine.drain();
      assert.deepEqual(await engine.upstreamNames(), ['a', 'c']);
      await unlink(engine.path('a'));
      await engine.scan();
      await engine.decide();
      excluded.add('a');
      await engine.drain();
      await engine.sync();
      assert.deepEqual(await engine.upstreamNames(), ['a', 'c']);
    },
    { isExcluded: (name) => excluded.has(name) },
  );
});

describeOnStores('odd facts of files', (onStores) => {
  onStores('before 1970, empty, and with the longest names come through', async (engine) => {
    const long = `${'n'.repeat(251)}.txt`;
    const old = new Date('1935-03-04T05:06:07Z');
    await writeFile(engine.path('old'), 'old');
    await utimes(engine.path('old'), old, old);
    await writeFile(engine.path('empty'), '');
    await mkdir(engine.path('hollow'));
    await writeFile(engine.path(long), 'mine');
    await engine.remote.other.put(long, bytes('theirs'));
    await engine.sync();
    assert.equal(await engine.upstreamText('old'), 'old');
    assert.equal(await engine.upstreamText('empty'), '');
    assert.equal(await textHere(engine, long), 'theirs');
    const upstream = await engine.upstreamNames();
    assert.equal(upstream.length, 5);
    const copy = upstream.find((name) => name.startsWith('nnn') && name !== long) ?? '';
    assert.equal(await engine.upstreamText(copy), 'mine');
    await unlink(engine.path('empty'));
    await mkdir(engine.path('empty'));
    await rm(engine.path('hollow'), { recursive: true });
    await writeFile(engine.path('hollow'), '');
    await engine.sync();
    assert.deepEqual(await engine.archive.problems(engine.pairId), []);
    await engine.scan();
    await engine.poll();
    assert.equal((await engine.decide()).decided, 0);
  });
});
