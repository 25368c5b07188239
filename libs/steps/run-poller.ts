/** Run poller: containers in, REMOTE candidates out. */
import { type PollMemory, type PollPairDeps, pollPair } from './poll-pair.ts';
import type { Running } from './repeat.ts';

/** Polls at once: each waits for its store most of the time. */
const POLLS_AT_ONCE = 8;

export function runPoller(deps: PollPairDeps): Running {
  const memories = new Map<number, PollMemory>();
  return deps.queue.consumePolls({ concurrency: POLLS_AT_ONCE }, ({ pairId }, signal) =>
    pollPair(pairId, memories, deps, signal),
  );
}
