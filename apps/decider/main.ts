/** Decider: candidates in, decisions and transfer jobs out; sweeps for what no job carries. Its README says what a crash leaves behind. */
import { openFleet } from '#libs/compose/fleet.ts';
import { runApp } from '#libs/compose/run-app.ts';
import { runDecider } from '#steps/run-decider.ts';

await runApp('decider', async ({ config, log, telemetry, tracing }) => {
  const fleet = await openFleet({ config, log, telemetry, tracing });
  const { settleMs, window, volumes, sweepIntervalMs, generationMs } = config;
  const { queue, sides, clock, pace, deleteHold } = fleet;
  const deps = { ...fleet.database, queue, sides, clock, pace, deleteHold, log };
  const running = runDecider({ ...deps, settleMs, window, volumes, sweepIntervalMs, generationMs });
  return {
    fleet,
    activity: () => running.activity(),
    ready: () => fleet.ping(),
    drain: async (budgetMs) => {
      await running.drain(budgetMs);
      await fleet.close();
    },
  };
});
