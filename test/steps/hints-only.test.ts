/** A watcher that only listens marks what changed, and leaves leases and scans to the others. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { toName } from '#core/name.ts';
import type { ChangeHint } from '#ports/local-folder.ts';
import { runWatcher } from '#steps/run-watcher.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import { DEAF_QUEUE, NO_TELEMETRY, REAL_CLOCK, SILENT, startEngine } from '#test/support/engine.ts';

it('marks what its events tell, holds no lease, and asks for a scan where events were lost', async (t) => {
  const engine = await startEngine(t, await openMemory());
  const { archive, registry, pairId } = engine;
  const { promise: listening, resolve: listens } = Promise.withResolvers<(hint: ChangeHint) => void>();
  const watcher = runWatcher({
    archive,
    registry,
    queue: DEAF_QUEUE,
    clock: REAL_CLOCK,
    log: SILENT,
    telemetry: NO_TELEMETRY,
    sides: {
      open: async () => engine.sides,
      login: () => Promise.resolve(),
      openNew: async () => engine.sides,
      resolveFolder: async (folder) => folder,
      close: async () => {},
    },
    owner: 'listener',
    hintsOnly: true,
    volumes: ['default'],
    leaseMs: 60_000,
    scanIntervalMs: 60_000,
    settleMs: 0,
    trashMs: 1_000,
    scansAtOnce: 1,
    judgeIntervalMs: 10,
    watch: () => ({ start: async (onHint) => listens(onHint), close: async () => {} }),
  });
  const tell = await listening;
  await writeFile(join(engine.root, 'a.txt'), 'a');
  tell({ kind: 'names', names: [toName('a.txt')] });
  const untilTrue = async (what: string, claim: () => Promise<boolean>): Promise<void> => {
    for (let tries = 0; !(await claim()); tries += 1) {
      assert.ok(tries < 1_000, `not within 20 s: ${what}`);
      await delay(20);
    }
  };
  await untilTrue('it is marked', async () => (await archive.candidates(pairId, 10)).length === 1);

  const { scanWanted, scanDone } = await engine.pair();
  assert.equal(scanDone, 0n);
  tell({ kind: 'lost', reason: 'the queue was full' });
  await untilTrue('a scan is wanted', async () => (await engine.pair()).scanWanted > scanWanted);
  // Whoever asks for leases gets all of them at once.
  assert.deepEqual(
    (await registry.lease('other', ['default'], 1_000)).map(({ id }) => id),
    [pairId],
  );
  await watcher.drain(0);
  assert.deepEqual(
    (await registry.lease('other', ['default'], 1_000)).map(({ id }) => id),
    [pairId],
  );
  assert.equal((await engine.pair()).scanDone, 0n);
});
