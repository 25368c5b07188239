/** Run decider: candidates in, decisions and transfer jobs out; sweeps for what no job carries. */
import { Alone } from './alone.ts';
import { Busy } from './busy.ts';
import { type Running, repeat } from './repeat.ts';
import { newSweepMemory, type SweepDeps, sweep } from './sweep.ts';
import { type CandidatesDeps, workOnCandidates } from './work-on-candidates.ts';

/** Pairs worked on at once; each probes many names at once itself. */
const PAIRS_AT_ONCE = 8;

export interface DeciderDeps extends CandidatesDeps, SweepDeps {
  readonly volumes: readonly string[];
  readonly sweepIntervalMs: number;
}

export function runDecider(deps: DeciderDeps): Running {
  const { queue, clock, log, volumes, sweepIntervalMs } = deps;
  const alone = new Alone();
  const busy = new Busy(PAIRS_AT_ONCE * volumes.length);
  const consumers = volumes.map((volume) =>
    queue.consumeCandidates(volume, { concurrency: PAIRS_AT_ONCE }, ({ pairId }) =>
      busy.on(pairId, () => workOnCandidates(pairId, deps, alone)),
    ),
  );
  const ended = new AbortController();
  const memory = newSweepMemory();
  const sweeping = repeat(
    () => sweep(memory, deps),
    { clock, log, pauseMs: sweepIntervalMs, what: 'sweep' },
    ended.signal,
  );
  return {
    activity: () => busy.activity(),
    drain: async (budgetMs) => {
      ended.abort();
      await Promise.all([...consumers.map((consumer) => consumer.drain(budgetMs)), sweeping]);
    },
  };
}
