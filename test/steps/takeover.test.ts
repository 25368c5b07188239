/** Whoever takes many pairs over scans one after the other, without pauses in between. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openLocalFolder } from '#libs/store-local/local-folder.ts';
import type { Clock } from '#ports/clock.ts';
import type { ChangeSource } from '#ports/local-folder.ts';
import type { PairSides } from '#ports/sides.ts';
import type { Running } from '#steps/repeat.ts';
import { runWatcher } from '#steps/run-watcher.ts';
import { newPair } from '#test/conformance/archive-fixtures.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import {
  DEAF_QUEUE,
  type Engine,
  NO_TELEMETRY,
  REAL_CLOCK,
  SILENT,
  startEngine,
} from '#test/support/engine.ts';

const PAIRS = 8;
/** Of a watcher that looks at its pairs once, and then stands still. */
const STANDING: Clock = {
  ...REAL_CLOCK,
  sleep: (_ms, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve())),
};

function startWatcher(
  { archive, registry, sides }: Engine,
  sidesOf: (pairId: number) => PairSides,
  source: ChangeSource,
): Running {
  return runWatcher({
    ...{ archive, registry, queue: DEAF_QUEUE, log: SILENT, telemetry: NO_TELEMETRY, clock: STANDING },
    sides: {
      open: async ({ id }) => sidesOf(id),
      login: () => Promise.resolve(),
      openNew: async () => sides,
      resolveFolder: async (folder) => folder,
      close: async () => {},
    },
    ...{ owner: 'one', hintsOnly: false, volumes: ['default'], leaseMs: 60_000, scanIntervalMs: 600_000 },
    ...{ settleMs: 0, trashMs: 1_000, scansAtOnce: 1, judgeIntervalMs: 10 },
    watch: () => source,
  });
}

it('a folder is walked only when its events are heard: what changes in between would never be seen', async (t) => {
  const engine = await startEngine(t, await openMemory());
  const { folder } = engine.sides;
  let isListening = false;
  const walkedDeaf: boolean[] = [];
  const walk: typeof folder.walk = (...words) => {
    walkedDeaf.push(!isListening);
    return folder.walk(...words);
  };
  const watcher = startWatcher(engine, () => ({ ...engine.sides, folder: { ...folder, walk } }), {
    start: async () => {
      await delay(200);
      isListening = true;
    },
    close: async () => {},
  });
  for (let tries = 0; (await engine.pair()).scanDone === 0n; tries += 1) {
    assert.ok(tries < 600, 'the pair is scanned');
    await delay(50);
  }
  await watcher.drain(0);
  assert.deepEqual(walkedDeaf, [false]);
});

it('all of them are scanned although it looks what is wanted only once', async (t) => {
  const engine = await startEngine(t, await openMemory());
  const { registry } = engine;
  const { store } = await engine.pair();
  const sides = new Map<number, PairSides>([[engine.pairId, engine.sides]]);
  for (let index = 1; index < PAIRS; index += 1) {
    const root = await mkdtemp(join(tmpdir(), 'holdfast-takeover-'));
    t.after(() => rm(root, { recursive: true, force: true }));
    const draft = { ...newPair(store.id, `pair-${index}`), folder: root };
    const folder = openLocalFolder({ root, pairId: draft.uid, clock: REAL_CLOCK, log: SILENT });
    t.after(() => folder.close());
    await folder.attach(draft.uid);
    sides.set((await registry.addPair(draft)).id, { ...engine.sides, folder });
  }
  const watcher = startWatcher(engine, (id) => sides.get(id) ?? assert.fail(`no pair ${id}`), {
    start: async () => {},
    close: async () => {},
  });
  const scanned = async (): Promise<number> =>
    (await registry.listPairs()).filter(({ scanDone }) => scanDone > 0n).length;
  for (let tries = 0; (await scanned()) < PAIRS; tries += 1) {
    assert.ok(tries < 600, `${await scanned()} of ${PAIRS} are scanned`);
    await delay(50);
  }
  await watcher.drain(0);
});
