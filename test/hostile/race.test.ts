/** The short form of `npm run race:symlinks`: a hostile user at full speed beside everything the local side does. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { makeRaceDirectory, raceFolder } from './folder-race.ts';

const SECONDS = 4;

test('while links, pipes and directories are swapped in at full speed, nothing outside is touched', async (t) => {
  const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? Math.floor(Math.random() * 0x7fffffff));
  t.diagnostic(`seed ${seed}`);
  const base = makeRaceDirectory();
  t.after(() => rmSync(base, { recursive: true, force: true, maxRetries: 5 }));
  const report = await raceFolder(base, SECONDS, seed);
  assert.deepEqual(report.faults, []);
  for (const done of ['pull applied', 'remove applied', 'stage staged', 'walk ended', 'recover ended'])
    assert.ok((report.operations[done] ?? 0) > 0, `no ${done}: ${JSON.stringify(report.operations)}`);
});
