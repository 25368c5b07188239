/** Run poller: containers in, REMOTE candidates out. */
import { Busy } from './busy.ts';
import { type PollMemory, type PollPairDeps, pollPair } from './poll-pair.ts';
import type { Running } from './repeat.ts';

/** Polls at once: each waits for its store most of the time. */
const POLLS_AT_ONCE = 8;

export function runPoller(deps: PollPairDeps): Running {
  const memories = new Map<number, PollMemory>();
  const busy = new Busy(POLLS_AT_ONCE);
  const consumer = deps.queue.consumePolls({ concurrency: POLLS_AT_ONCE }, ({ pairId }, signal) =>
    busy.on(pairId, () => pollPair(pairId, memories, deps, signal)),
  );
  return { activity: () => busy.activity(), drain: (budgetMs) => consumer.drain(budgetMs) };
}
