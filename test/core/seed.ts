/**
 * Seed: property tests draw a new one each run and print it, so that a failure can be
 * repeated exactly with `HOLDFAST_TEST_SEED=<seed> node --test <file>`.
 */
import type { TestContext } from 'node:test';

/** @returns options for `fc.assert`: the printed seed and the number of runs. */
export function seeded(t: TestContext, numRuns: number): { seed: number; numRuns: number } {
  const given = process.env['HOLDFAST_TEST_SEED'];
  const seed = given === undefined ? Math.floor(Math.random() * 0x7fffffff) : Number(given);
  t.diagnostic(`seed ${seed}`);
  return { seed, numRuns };
}
