/** Decider: candidates in, decisions and transfer jobs out; sweeps for what no job carries. Its README says what a crash leaves behind. */
import { openFleet } from '#libs/compose/fleet.ts';
import { runApp } from '#libs/compose/run-app.ts';
import { asHoldfastError } from '#ports/errors.ts';
import { newSweepMemory, sweep } from '#steps/sweep.ts';
import { workOnCandidates } from '#steps/work-on-candidates.ts';

/** Pairs worked on at once; each probes many names at once itself. */
const PAIRS_AT_ONCE = 8;

await runApp('decider', async ({ config, log }) => {
  const fleet = await openFleet({ config, log });
  const { registry, archive } = fleet.database;
  const { queue, sides, clock, pace } = fleet;
  const deps = {
    registry,
    archive,
    queue,
    sides,
    clock,
    log,
    pace,
    settleMs: config.settleMs,
    window: config.window,
  };
  const consumers = config.volumes.map((volume) =>
    queue.consumeCandidates(volume, { concurrency: PAIRS_AT_ONCE }, ({ pairId }) =>
      workOnCandidates(pairId, deps),
    ),
  );
  const ended = new AbortController();
  const sweeping = (async () => {
    const memory = newSweepMemory();
    while (!ended.signal.aborted) {
      try {
        await sweep(memory, deps);
      } catch (thrown) {
        log.warn({ err: asHoldfastError(thrown).message }, 'sweep failed; the next one follows');
      }
      await clock.sleep(config.sweepIntervalMs, ended.signal);
    }
  })();
  return {
    ready: () => fleet.ping(),
    drain: async (budgetMs) => {
      ended.abort();
      await Promise.all([...consumers.map((consumer) => consumer.drain(budgetMs)), sweeping]);
      await fleet.close();
    },
  };
});
