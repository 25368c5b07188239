/**
 * Shrink: the smallest scenario that still breaks the same invariant. Acts and mishaps are left out, in halves at
 * first and one by one in the end; then the world is made plainer. What is left draws the same numbers as before.
 */

import { run } from './run.ts';
import type { Scenario, Settings } from './scenario.ts';
import type { Violation } from './violation.ts';

export interface Shrunk {
  readonly scenario: Scenario;
  readonly violation: Violation;
  readonly runs: number;
}

const PLAINER: readonly Partial<Settings>[] = [
  { faultRate: 0 },
  { storeFaults: 0 },
  { listingLagMs: 0 },
  { stalls: 0 },
  { queueDuplicates: 0 },
  { queueReorders: 0 },
  { eventsLost: 0 },
  { noticesLost: 1 },
  { partBytes: Number.MAX_SAFE_INTEGER },
  { watchers: 1 },
  { deciders: 1 },
  { transfers: 1 },
  { slowest: 'none' },
  { mtimeGranularityNs: 1 },
  { reusesInodes: false },
  { oneMachine: true },
  { startMs: 36_000_000 },
  { settleMs: 0 },
  { policies: { conflict: 'upstream', deleteVsEdit: 'upstream', direction: 'both' } },
];

/** @param budget runs that may be spent. */
export async function shrink(scenario: Scenario, violation: Violation, budget: number): Promise<Shrunk> {
  let best = scenario;
  let found = violation;
  let runs = 0;
  const holds = async (candidate: Scenario): Promise<boolean> => {
    if (runs >= budget) return false;
    runs += 1;
    const result = await run(candidate);
    if (result.violation?.kind !== violation.kind) return false;
    best = candidate;
    found = result.violation;
    return true;
  };
  for (let before = runs - 1; before < runs && runs < budget; ) {
    const size = sizeOf(best);
    before = runs;
    await dropFrom(() => best, 'mishaps', holds);
    await dropFrom(() => best, 'acts', holds);
    for (const plainer of PLAINER) {
      const settings = { ...best.settings, ...plainer };
      if (JSON.stringify(settings) !== JSON.stringify(best.settings)) await holds({ ...best, settings });
    }
    if (sizeOf(best) === size) break;
  }
  return { scenario: best, violation: found, runs };
}

function sizeOf({ acts, mishaps }: Scenario): number {
  return acts.length + mishaps.length;
}

async function dropFrom(
  best: () => Scenario,
  part: 'acts' | 'mishaps',
  holds: (candidate: Scenario) => Promise<boolean>,
): Promise<void> {
  for (let length = Math.max(1, best()[part].length >> 1); ; length = length >> 1) {
    for (let start = 0; start < best()[part].length; ) {
      const items: readonly unknown[] = best()[part];
      const left = [...items.slice(0, start), ...items.slice(start + length)];
      if (!(await holds({ ...best(), [part]: left }))) start += length;
    }
    if (length <= 1) return;
  }
}
