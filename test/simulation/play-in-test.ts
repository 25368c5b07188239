/** Play in test: many seeds as one test, which says what it played, and how to play the one that failed again. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type Played, play } from './play.ts';

const SEEDS = Number(process.env['HOLDFAST_SIM_SEEDS'] ?? 5_000);
/** On a slow machine fewer seeds are played rather than that nobody waits for the end. */
const BUDGET_MS = Number(process.env['HOLDFAST_SIM_SECONDS'] ?? 150) * 1_000;

export async function assertSeedsHold(t: TestContext, from: number): Promise<void> {
  const startedAt = performance.now();
  const failed: Played[] = [];
  let played = 0;
  await play(
    { from, seeds: SEEDS, store: null },
    (each) => {
      played += 1;
      if (each.violation !== null) failed.push(each);
    },
    () => performance.now() - startedAt > BUDGET_MS || failed.length >= 3,
  );
  const seconds = (performance.now() - startedAt) / 1_000;
  const rate = (played / seconds).toFixed(1);
  const left = played < SEEDS && failed.length === 0 ? `, of ${SEEDS} in the time there was` : '';
  t.diagnostic(`seeds ${from} to ${from + played - 1}: ${rate} seeds/s${left}`);
  const told = failed.map(({ seed, violation }) => `npm run sim -- --seed ${seed}   # ${violation?.message}`);
  assert.deepEqual(told, []);
}
