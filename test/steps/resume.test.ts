/** Resume: what an operator's word changes, and what a failure in its midst leaves behind. */
import assert from 'node:assert/strict';
import { mkdir, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { it, type TestContext } from 'node:test';
import { MemoryDatabase } from '#libs/memory/database.ts';
import { atOnce } from '#libs/memory/step.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { LocalFolder } from '#ports/local-folder.ts';
import { resumePair } from '#steps/operator/resume.ts';
import { guardPair } from '#steps/with-pair.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import {
  DEAF_QUEUE,
  DELETE_HOLD,
  type Engine,
  REAL_CLOCK,
  SILENT,
  startEngine,
} from '#test/support/engine.ts';

async function openEngine(t: TestContext): Promise<Engine> {
  const database = new MemoryDatabase({ now: Date.now });
  const parts = { archive: database.archive(atOnce), registry: database.registry(atOnce) };
  const engine = await startEngine(t, await openMemory(), { database: parts });
  for (const name of ['a', 'b']) await writeFile(engine.path(name), name);
  await engine.sync();
  await engine.tell();
  return engine;
}

function depsOf(engine: Engine, folder: LocalFolder = engine.folder) {
  const { registry, archive } = engine;
  const parts = { ...engine.sides, folder: { ...folder, close: async () => {} } };
  return {
    registry,
    archive,
    queue: DEAF_QUEUE,
    sides: {
      resolveFolder: async (path: string) => path,
      login: () => Promise.resolve(),
      openNew: async () => parts,
      open: async () => parts,
      close: async () => {},
    },
    clock: REAL_CLOCK,
    log: SILENT,
    pace: { baseMs: 1_000, maxMs: 1_000 },
    deleteHold: DELETE_HOLD,
    trashMs: 1_000,
  };
}

/** Whatever fails for the whole pair disables it, as it would in a process. */
async function guarded(engine: Engine, run: () => Promise<unknown>): Promise<void> {
  await guardPair(await engine.pair(), depsOf(engine), run);
}

it('a folder that was replaced is made the pair’s, and filled', async (t) => {
  const engine = await openEngine(t);
  await rename(engine.root, `${engine.root}-elsewhere`);
  await mkdir(engine.root);
  await guarded(engine, () => engine.scan());
  assert.equal((await engine.pair()).disabled?.code, 'folder-unmarked');
  await resumePair(depsOf(engine), 'pair', false);
  assert.equal((await engine.pair()).disabled, null);
  await engine.sync();
  assert.deepEqual(await engine.upstreamNames(), ['a', 'b']);
  await unlink(engine.path('a'));
  await engine.sync();
  assert.deepEqual(await engine.upstreamNames(), ['b'], 'and deletes in it count again');
  await rm(`${engine.root}-elsewhere`, { recursive: true });
});

it('a resume that dies before its end lets nothing look deleted', async (t) => {
  const engine = await openEngine(t);
  await rm(engine.path('.holdfast'), { recursive: true });
  for (const name of ['a', 'b']) await unlink(engine.path(name));
  await guarded(engine, () => engine.scan());
  const dying: LocalFolder = {
    ...engine.folder,
    attach: async (pairId) => {
      await engine.folder.attach(pairId);
      throw new HoldfastError('local-io', 'the process died');
    },
  };
  await assert.rejects(resumePair(depsOf(engine, dying), 'pair', false), { code: 'local-io' });
  // The marker is there again, so the pair goes on by itself.
  await engine.registry.enable(engine.pairId);
  await engine.sync();
  assert.deepEqual(await engine.upstreamNames(), ['a', 'b']);
});

it('a cause that is another one than the operator was told keeps the pair disabled', async (t) => {
  const engine = await openEngine(t);
  const { other } = engine.remote;
  await rm(engine.path('.holdfast'), { recursive: true });
  await guarded(engine, () => engine.scan());
  await other.recreateContainer();
  await assert.rejects(resumePair(depsOf(engine), 'pair', false), { code: 'container-replaced' });
  assert.equal((await engine.pair()).disabled?.code, 'folder-unmarked');
});

it('what was restored by hand is united at an operator’s word', async (t) => {
  const engine = await openEngine(t);
  await engine.registry.setPaused(engine.pairId, true);
  await unlink(engine.path('a'));
  await resumePair(depsOf(engine), 'pair', true);
  assert.equal((await engine.pair()).paused, false);
  await engine.sync();
  assert.deepEqual(await engine.upstreamNames(), ['a', 'b']);
});
