/** The short forms of `npm run fuzz:names`: on every store through the steps, and once through processes. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openMemory } from '#test/memory/open-memory.ts';
import { openPithos } from '#test/store-pithos/open-pithos.ts';
import { openSwift } from '#test/store-swift/fixtures.ts';
import { startEngine } from '#test/support/engine.ts';
import { secretFile, startFleet } from '#test/support/fleet.ts';
import { swift, testDatabase, testRedisUrl } from '#test/support/services.ts';
import { temporaryDirectory } from '#test/support/temporary-directory.ts';
import { type FuzzReport, fuzzNames, LONGEST_ON_SWIFT, pairOfEngine, pairOfFleet } from './fuzz-names.ts';

const seed = Number(process.env['HOLDFAST_TEST_SEED'] ?? Math.floor(Math.random() * 0x7fffffff));

function assertGood(report: FuzzReport): void {
  assert.deepEqual(report.faults, [], `seed ${seed}`);
  // Else there was little to get wrong. Half of them are synced on average.
  assert.ok(report.synced > report.names / 3, JSON.stringify(report));
}

describe('generated names, drawn here and upstream, are synced exactly or shown as problems', () => {
  test('in memory', async (t) => {
    t.diagnostic(`seed ${seed}`);
    const engine = await startEngine(t, await openMemory());
    assertGood(await fuzzNames(pairOfEngine(engine), 150, seed));
  });

  test('on Pithos', async (t) => {
    t.diagnostic(`seed ${seed}`);
    const engine = await startEngine(t, await openPithos(t));
    assertGood(await fuzzNames(pairOfEngine(engine), 100, seed));
  });

  test('on Swift', async (t) => {
    t.diagnostic(`seed ${seed}`);
    const login = await swift();
    if (login === null) {
      t.skip('no Swift on this machine');
      return;
    }
    const engine = await startEngine(t, await openSwift(t, login, true));
    assertGood(await fuzzNames(pairOfEngine(engine), 20, seed, LONGEST_ON_SWIFT));
  });

  test('through the processes', async (t) => {
    t.diagnostic(`seed ${seed}`);
    const remote = await openPithos(t);
    const folder = await temporaryDirectory(t, 'holdfast-names-');
    const fleet = await startFleet(t, { databaseUrl: await testDatabase(t), redisUrl: await testRedisUrl() });
    const secret = await secretFile(fleet, remote.secret);
    const store = ['--kind', 'pithos', '--url', remote.server.authUrl, '--secret-file', secret];
    await fleet.json('store', 'add', 'store', ...store);
    const pair = ['--folder', folder, '--store', 'store', '--container', remote.container];
    await fleet.json('pair', 'add', 'fuzzed', ...pair);
    assertGood(await fuzzNames(pairOfFleet(fleet, folder, remote), 40, seed));
  });
});
