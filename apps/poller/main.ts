/** Poller: containers in, REMOTE candidates out. Its README says what a crash leaves behind. */
import { openFleet } from '#libs/compose/fleet.ts';
import { runApp } from '#libs/compose/run-app.ts';
import { type PollMemory, pollPair } from '#steps/poll-pair.ts';

/** Polls at once: each waits for its store most of the time. */
const POLLS_AT_ONCE = 8;

await runApp('poller', async ({ config, log }) => {
  const fleet = await openFleet({ config, log });
  const { registry, archive } = fleet.database;
  const deps = {
    registry,
    archive,
    queue: fleet.queue,
    sides: fleet.sides,
    clock: fleet.clock,
    log,
    pace: fleet.pace,
  };
  const memories = new Map<number, PollMemory>();
  const consumer = fleet.queue.consumePolls({ concurrency: POLLS_AT_ONCE }, ({ pairId }, signal) =>
    pollPair(pairId, memories, deps, signal),
  );
  return {
    ready: () => fleet.ping(),
    drain: async (budgetMs) => {
      await consumer.drain(budgetMs);
      await fleet.close();
    },
  };
});
