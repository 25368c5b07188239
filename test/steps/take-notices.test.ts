/** A notified name is looked at without a listing; one that is not there does nothing. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import type { JobQueue } from '#ports/job-queue.ts';
import { NoticeTaker } from '#steps/take-notices.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import { DEAF_QUEUE, type Engine, REAL_CLOCK, startEngine } from '#test/support/engine.ts';

interface Asked {
  readonly taker: NoticeTaker;
  readonly woken: number[];
  readonly polled: number[];
  now: number;
}

function takerOf(engine: Engine): Asked {
  const { archive, registry } = engine;
  const asked = { woken: [] as number[], polled: [] as number[], now: 1_700_000_000_000 };
  const queue: JobQueue = {
    ...DEAF_QUEUE,
    wake: async (_volume, pairId) => void asked.woken.push(pairId),
    pollNow: async (pairId) => void asked.polled.push(pairId),
  };
  const sides = { open: async () => engine.sides };
  const clock = { ...REAL_CLOCK, now: () => asked.now };
  return Object.assign(asked, { taker: new NoticeTaker({ archive, registry, queue, sides, clock }) });
}

it('a notified change comes here without a poll, and what was forged does nothing', async (t) => {
  const engine = await startEngine(t, await openMemory());
  await engine.sync();
  const asked = takerOf(engine);
  const { container, store } = await engine.pair();
  const told = (...names: string[]) =>
    asked.taker.take(
      store.name,
      names.map((rawName) => ({ container, rawName })),
    );

  await engine.remote.other.put('new.txt', Buffer.from('told'));
  await engine.remote.other.put('untold.txt', Buffer.from('untold'));
  assert.equal(asked.taker.isFlowing(engine.pairId), false);
  await told('new.txt', 'new.txt', 'forged', 'forged/too', '../outside', '', '/', 'a//b', '.holdfast/trash');
  assert.deepEqual(asked.woken, [engine.pairId]);
  assert.deepEqual(asked.polled, []);
  const candidates = await engine.archive.candidates(engine.pairId, 10);
  const looked = candidates.map(({ entry }) => entry.name).toSorted();
  assert.deepEqual(looked, ['forged', 'forged/too', 'new.txt']);
  await engine.drain();
  assert.equal(await readFile(engine.path('new.txt'), 'utf8'), 'told');
  await assert.rejects(readFile(engine.path('untold.txt')), { code: 'ENOENT' });
  await assert.rejects(readFile(engine.path('forged')), { code: 'ENOENT' });
  assert.equal(await engine.decisionsMade(['new.txt', 'forged', 'forged/too']), 1);

  // Told again, and of what is the same on both sides: nothing.
  await told('new.txt', 'forged');
  await engine.drain();
  assert.equal(await engine.decisionsMade(['new.txt', 'forged']), 1);

  // Lost: a poll makes up for it.
  await engine.sync();
  assert.equal(await readFile(engine.path('untold.txt'), 'utf8'), 'untold');

  assert.equal(asked.taker.isFlowing(engine.pairId), true);
  asked.now += 900_000;
  assert.equal(asked.taker.isFlowing(engine.pairId), false);
});

it('a container is polled where names are not known, and other stores and containers are left alone', async (t) => {
  const engine = await startEngine(t, await openMemory());
  const asked = takerOf(engine);
  const { container, store } = await engine.pair();
  await asked.taker.take('another', [{ container, rawName: 'a' }]);
  await asked.taker.take(store.name, [{ container: `${container}-2`, rawName: 'a' }]);
  assert.deepEqual([asked.woken, asked.polled], [[], []]);
  await asked.taker.take(store.name, [{ container, rawName: null }]);
  const many = Array.from({ length: 1_001 }, (_none, index) => ({ container, rawName: `n${index}` }));
  await asked.taker.take(store.name, many);
  assert.deepEqual([asked.woken, asked.polled], [[], [engine.pairId, engine.pairId]]);
  assert.equal((await engine.archive.candidates(engine.pairId, 10)).length, 0);
});
