/** Poller: containers in, REMOTE candidates out. Its README says what a crash leaves behind. */
import { openFleet } from '#libs/compose/fleet.ts';
import { runApp } from '#libs/compose/run-app.ts';
import { runPoller } from '#steps/run-poller.ts';

await runApp('poller', async ({ config, log, telemetry, tracing }) => {
  const fleet = await openFleet({ config, log, telemetry, tracing });
  const { queue, sides, clock, pace } = fleet;
  const running = runPoller({ ...fleet.database, queue, sides, clock, pace, log, telemetry });
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
