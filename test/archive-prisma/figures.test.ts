/** Figures of the whole fleet: what counts as backlog and as lag, and what an autoscaler must not count. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '#libs/archive-prisma/database.ts';
import type { Told } from '#ports/telemetry.ts';
import {
  doneWith,
  entryOf,
  give,
  giveWaiting,
  localFile,
  NO_EFFECTS,
  name,
  newPair,
  remoteFile,
} from '#test/conformance/archive-fixtures.ts';
import { openFixture, SILENT } from './fixtures.ts';

const HOUR_MS = 3_600_000;
const synced = {
  local: localFile(1),
  remote: remoteFile(1),
  sync: { kind: 'file', size: 1, hash: 'h' },
} as const;

test('backlog counts what may be worked on and what is being worked on, by volume, and nothing of paused pairs', async (t) => {
  const opened = await openFixture(t);
  const { archive, registry, pair } = opened;
  await registry.addPair(newPair(pair.store.id, 'elsewhere', 'v2'));
  const paused = await registry.addPair(newPair(pair.store.id, 'paused'));
  await give(opened, {
    a: { local: localFile(1), decision: ['upload'] },
    b: { local: localFile(1), decision: ['upload'] },
  });
  await archive.dispatch(pair.id, 1, HOUR_MS);
  await archive.mark(pair.id, 'local', [name('c')]);
  await archive.mark(paused.id, 'local', [name('x'), name('y')]);
  await registry.setPaused(paused.id, true);
  const { pairs, backlog } = await opened.figures();
  assert.deepEqual(pairs, { active: 2, paused: 1, disabled: 0 });
  assert.deepEqual(backlog, [
    { volume: 'default', candidates: 1, decisions: 2 },
    { volume: 'v2', candidates: 0, decisions: 0 },
  ]);
});

test('deletes that wait for an operator are no backlog and no lag', async (t) => {
  const opened = await openFixture(t);
  await giveWaiting(opened, { a: { ...synced, remote: { kind: 'absent' }, decision: ['delete-local'] } });
  const { backlog, lagsMs } = await opened.figures();
  assert.deepEqual(backlog, [{ volume: 'default', candidates: 0, decisions: 0 }]);
  assert.deepEqual(lagsMs, []);
});

test('lag is the age of the oldest change, of names without a problem', async (t) => {
  const opened = await openFixture(t);
  const { archive, pair } = opened;
  await archive.mark(pair.id, 'local', [name('stuck')]);
  await opened.passTime(5 * HOUR_MS);
  await archive.mark(pair.id, 'local', [name('old')]);
  await opened.passTime(2 * HOUR_MS);
  // Marked again and again, it is as old as the first time.
  await archive.mark(pair.id, 'local', [name('old'), name('new')]);
  await archive.openProblem(pair.id, 'stuck', { code: 'local-denied', text: 'because' });
  const { lagsMs, problems } = await opened.figures();
  assert.deepEqual(
    lagsMs.map((ms) => Math.round(ms / HOUR_MS)),
    [2],
  );
  assert.deepEqual(problems, [{ code: 'local-denied', names: 1 }]);
});

test('an acknowledged change is told once, with the time since it was seen', async (t) => {
  const opened = await openFixture(t);
  const told: Told[] = [];
  const telemetry = {
    tell: (one: Told) => void told.push(one),
    span: <R>(_: string, work: () => Promise<R>) => work(),
  };
  const { archive, close } = openDatabase({ url: opened.url, poolSize: 2, log: SILENT, telemetry });
  t.after(() => close());
  const { pair } = opened;
  const lags = (): readonly number[] =>
    told.splice(0).flatMap((one) => (one.kind === 'acknowledged' ? [Math.round(one.lagMs / HOUR_MS)] : []));
  await give(opened, { a: { local: localFile(1), decision: ['upload'] } });
  await opened.passTime(3 * HOUR_MS);
  const done = doneWith(await entryOf(opened, 'a'));
  // Seen once more while it was out: that change is younger.
  await archive.mark(pair.id, 'local', [name('a')]);
  await archive.acknowledge(pair.id, [done], NO_EFFECTS);
  assert.deepEqual(lags(), [3]);
  await archive.acknowledge(pair.id, [done], NO_EFFECTS);
  assert.deepEqual(lags(), []);
  assert.deepEqual(
    (await opened.figures()).lagsMs.map((ms) => Math.round(ms / HOUR_MS)),
    [0],
  );
  // Equal on both sides already: known and done at once.
  await opened.passTime(HOUR_MS);
  await give({ archive, pair }, { b: { ...synced } });
  assert.deepEqual(lags(), [0]);
});
