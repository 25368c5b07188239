/** Poller: containers and what stores notify of in, REMOTE candidates out. Its README says what a crash leaves behind. */
import { openFleet } from '#libs/compose/fleet.ts';
import { openNotifications } from '#libs/compose/notifications.ts';
import { runApp } from '#libs/compose/run-app.ts';
import { runPoller } from '#steps/run-poller.ts';

await runApp('poller', async ({ config, log, telemetry, tracing }) => {
  const fleet = await openFleet({ config, log, telemetry, tracing });
  const { queue, sides, clock, pace } = fleet;
  const notifications = await openNotifications(fleet, config, log);
  const { taker } = notifications;
  const running = runPoller({ ...fleet.database, queue, sides, clock, pace, log, telemetry, notices: taker });
  return {
    fleet,
    activity: () => running.activity(),
    ready: () => fleet.ping(),
    drain: async (budgetMs) => {
      await notifications.close();
      await running.drain(budgetMs);
      await fleet.close();
    },
  };
});
