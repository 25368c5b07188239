/** Mass deletes: what is held, on which side ever, what goes on meanwhile, and what an operator's answer does (invariant 7). */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import type { Engine, EngineOptions } from '#test/support/engine.ts';
import { newPair } from '../conformance/archive-fixtures.ts';
import { describeOnStores } from './open-stores.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Few names are many here, so that every store is quick. */
const FEW: EngineOptions = { deleteHold: { percent: 25, names: 5 } };

const NAMES = Array.from({ length: 12 }, (_, index) => `d/file-${String(index).padStart(2, '0')}`);
const [FIRST = '', SECOND = ''] = NAMES;

async function fill(engine: Engine, names: readonly string[] = NAMES): Promise<void> {
  await mkdir(engine.path('d'), { recursive: true });
  for (const name of names) await writeFile(engine.path(name), `content of ${name}`);
  await engine.sync();
}

async function emptyFolder(engine: Engine, names: readonly string[] = NAMES): Promise<void> {
  for (const name of names) await unlink(engine.path(name));
}

async function emptyContainer(engine: Engine, names: readonly string[] = NAMES): Promise<void> {
  for (const name of names) await engine.remote.other.remove(name);
}

async function upstreamFiles(engine: Engine): Promise<readonly string[]> {
  return (await engine.upstreamNames()).filter((name) => name.includes('file-'));
}

async function filesHere(engine: Engine): Promise<readonly string[]> {
  return (await readdir(engine.path('d'))).sort().map((name) => `d/${name}`);
}

async function waiting(engine: Engine): Promise<number> {
  return (await engine.archive.counts(engine.pairId)).waitingDeletes;
}

async function eventsOfPair(engine: Engine, kind: string): Promise<number> {
  const events = await engine.archive.history(engine.pairId, null, 100);
  return events.filter((event) => event.kind === kind).length;
}

describeOnStores('a mass delete', (scenario) => {
  scenario(
    'an emptied container deletes nothing here, and other work goes on',
    async (engine) => {
      await fill(engine);
      await emptyContainer(engine);
      await writeFile(engine.path('new'), 'made meanwhile');
      await engine.sync();
      assert.deepEqual(await filesHere(engine), NAMES);
      assert.equal(await engine.upstreamText('new'), 'made meanwhile');
      assert.deepEqual(await engine.holds(), [engine.pairId]);
      await engine.sync();
      assert.deepEqual(await filesHere(engine), NAMES, 'no further look lets them go');
      assert.equal(await eventsOfPair(engine, 'problem'), 1);
    },
    FEW,
  );

  scenario(
    'an emptied folder deletes nothing upstream',
    async (engine) => {
      await fill(engine);
      await emptyFolder(engine);
      await engine.sync();
      assert.deepEqual(await upstreamFiles(engine), NAMES);
      assert.equal(await waiting(engine), NAMES.length);
    },
    FEW,
  );

  scenario('an emptied pair of a few names is held as well', async (engine) => {
    const names = NAMES.slice(0, 4);
    await fill(engine, names);
    await rm(engine.path('d'), { recursive: true });
    await engine.sync();
    assert.deepEqual(await upstreamFiles(engine), names);
    assert.equal(await waiting(engine), names.length + 1);
  });

  scenario(
    'deletes on both sides are one batch',
    async (engine) => {
      await fill(engine);
      await emptyFolder(engine, NAMES.slice(0, 3));
      await emptyContainer(engine, NAMES.slice(3, 6));
      await engine.sync();
      assert.deepEqual(await engine.holds(), [engine.pairId]);
      assert.deepEqual((await filesHere(engine)).length, 9);
      assert.deepEqual((await upstreamFiles(engine)).length, 9);
    },
    FEW,
  );

  scenario(
    'deletes that go one by one are held when they pass the limits',
    async (engine) => {
      await fill(engine);
      for (const name of NAMES.slice(0, 8)) {
        await engine.remote.other.remove(name);
        await engine.sync();
      }
      assert.deepEqual(await filesHere(engine), NAMES.slice(5));
      assert.equal(await waiting(engine), 3);
    },
    FEW,
  );

  scenario(
    'a job that was out when the deletes were held carries none of them out',
    async (engine) => {
      await fill(engine);
      await emptyFolder(engine, NAMES.slice(0, 3));
      await engine.scan();
      await engine.decide();
      const jobs = await engine.dispatch();
      assert.equal(jobs.flatMap(({ items }) => items).length, 3);
      await emptyFolder(engine, NAMES.slice(3, 8));
      await engine.scan();
      await engine.decide();
      await engine.guard();
      assert.deepEqual(await engine.transfer(jobs), { acknowledged: 0, released: 0 });
      assert.deepEqual(await upstreamFiles(engine), NAMES);
    },
    FEW,
  );

  scenario(
    'deletes wait while a scan still finds more of them',
    async (engine) => {
      await fill(engine);
      await emptyFolder(engine);
      await engine.scan();
      for (let decided = 0; decided < NAMES.length; decided += 2) {
        await engine.decide(engine.sides, 2);
        assert.deepEqual(await engine.dispatch(), []);
      }
      assert.deepEqual(await engine.holds(), [engine.pairId]);
    },
    FEW,
  );
});

describeOnStores('a rename', (scenario) => {
  scenario(
    'a renamed directory is not held',
    async (engine) => {
      await fill(engine);
      await rename(engine.path('d'), engine.path('renamed'));
      await engine.sync();
      assert.deepEqual(await engine.holds(), []);
      assert.deepEqual(
        await upstreamFiles(engine),
        NAMES.map((name) => name.replace('d/', 'renamed/')),
      );
    },
    FEW,
  );

  scenario(
    'a directory renamed upstream is not held',
    async (engine) => {
      await fill(engine);
      for (const name of NAMES) {
        const content = await engine.remote.other.get(name);
        assert.ok(content !== null);
        await engine.remote.other.put(name.replace('d/', 'renamed/'), content);
      }
      await emptyContainer(engine);
      await engine.remote.other.remove('d');
      await engine.sync();
      assert.deepEqual(await engine.holds(), []);
      assert.equal(existsSync(engine.path('d')), false);
      assert.equal((await readdir(engine.path('renamed'))).length, NAMES.length);
    },
    FEW,
  );

  scenario(
    'deletes among renames are held',
    async (engine) => {
      await fill(engine);
      await emptyFolder(engine, NAMES.slice(0, 6));
      await rename(engine.path('d'), engine.path('renamed'));
      await engine.sync();
      assert.deepEqual(await engine.holds(), [engine.pairId]);
      assert.deepEqual(
        (await upstreamFiles(engine)).filter((name) => name.startsWith('d/')),
        NAMES,
      );
    },
    FEW,
  );
});

describeOnStores('an answer', (scenario) => {
  scenario(
    'of approval carries the batch out, and later deletes are counted anew',
    async (engine) => {
      await fill(engine, [...NAMES, 'd/file-98', 'd/file-99']);
      await emptyContainer(engine);
      await engine.sync();
      assert.equal(await engine.archive.approveDeletes(engine.pairId), NAMES.length);
      await engine.remote.other.remove('d/file-98');
      await engine.sync();
      assert.deepEqual(await filesHere(engine), ['d/file-99']);
      assert.deepEqual(await engine.holds(), []);
    },
    FEW,
  );

  scenario(
    'of reverting brings every name back where it went away',
    async (engine) => {
      await fill(engine);
      await emptyFolder(engine, NAMES.slice(0, 6));
      await emptyContainer(engine, NAMES.slice(6));
      await engine.sync();
      assert.equal(await engine.archive.revertDeletes(engine.pairId), NAMES.length);
      await engine.sync();
      assert.deepEqual(await filesHere(engine), NAMES);
      assert.deepEqual(await upstreamFiles(engine), NAMES);
      assert.equal(await readFile(engine.path(FIRST), 'utf8'), `content of ${FIRST}`);
      assert.deepEqual(await engine.holds(), []);
    },
    FEW,
  );

  scenario(
    'of approval deletes no name that is there again',
    async (engine) => {
      await fill(engine);
      await emptyFolder(engine);
      await engine.sync();
      await writeFile(engine.path(FIRST), 'written again');
      await engine.archive.approveDeletes(engine.pairId);
      await engine.sync();
      assert.deepEqual(await upstreamFiles(engine), [FIRST]);
      assert.equal(await engine.upstreamText(FIRST), 'written again');
    },
    FEW,
  );
});

describeOnStores('a hold', (scenario) => {
  scenario(
    'is joined by deletes that follow, and never lets any of them go',
    async (engine) => {
      await fill(engine);
      await emptyContainer(engine, NAMES.slice(0, 6));
      await engine.sync();
      await emptyFolder(engine, NAMES.slice(6, 7));
      await engine.sync();
      assert.equal(await waiting(engine), 7);
      assert.equal((await upstreamFiles(engine)).length, 6);
    },
    FEW,
  );

  scenario(
    'loses names that are there again or changed, and ends with the last of them',
    async (engine) => {
      await fill(engine);
      await emptyFolder(engine);
      await engine.sync();
      await writeFile(engine.path(FIRST), `content of ${FIRST}`);
      await engine.remote.other.put(SECOND, bytes('changed upstream'));
      await engine.sync();
      assert.equal(await waiting(engine), NAMES.length - 2);
      assert.equal(await readFile(engine.path(SECOND), 'utf8'), 'changed upstream');
      for (const name of NAMES.slice(2)) await writeFile(engine.path(name), `content of ${name}`);
      await engine.sync();
      await engine.guard();
      assert.deepEqual([await engine.holds(), await waiting(engine)], [[], 0]);
      assert.deepEqual(await upstreamFiles(engine), NAMES);
      assert.equal(await eventsOfPair(engine, 'recovered'), 1);
    },
    FEW,
  );
});

describeOnStores('several holds', (scenario) => {
  scenario(
    'stop the deletes of every pair until fewer are unanswered',
    async (engine) => {
      const { archive, registry, pairId } = engine;
      await fill(engine);
      const storeId = (await engine.pair()).store.id;
      const others: number[] = [];
      for (const name of ['one', 'two']) {
        const { id } = await registry.addPair(newPair(storeId, name));
        await archive.holdDeletes(id);
        others.push(id);
      }
      await emptyFolder(engine, NAMES.slice(0, 1));
      await engine.scan();
      await engine.decide();
      await engine.guard();
      assert.deepEqual(await engine.dispatch(), []);
      assert.deepEqual(await engine.holds(), others, 'its own deletes are few');
      await archive.approveDeletes(others[0] ?? 0);
      await engine.drain();
      assert.deepEqual(await upstreamFiles(engine), NAMES.slice(1));
      assert.equal((await archive.counts(pairId)).waitingDeletes, 0);
    },
    { deleteHold: { ...FEW.deleteHold, fleetPairs: 2 } },
  );

  scenario(
    'take back what other pairs had let go',
    async (engine) => {
      const { archive, registry } = engine;
      await fill(engine);
      const other = await registry.addPair(newPair((await engine.pair()).store.id, 'other'));
      await archive.holdDeletes(other.id);
      await emptyFolder(engine, NAMES.slice(0, 1));
      await engine.scan();
      await engine.decide();
      const jobs = await engine.dispatch();
      await emptyFolder(engine, NAMES.slice(1));
      await engine.scan();
      await engine.decide();
      await engine.guard();
      assert.equal((await engine.holds()).length, 2);
      assert.deepEqual(await engine.transfer(jobs), { acknowledged: 0, released: 0 });
    },
    { deleteHold: { ...FEW.deleteHold, fleetPairs: 2 } },
  );
});
