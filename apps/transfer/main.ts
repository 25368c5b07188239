/** Transfer: decisions in, equal sides out. The process that operators scale. Its README says what a crash leaves behind. */
import { openFleet } from '#libs/compose/fleet.ts';
import { runApp } from '#libs/compose/run-app.ts';
import { runTransfer } from '#steps/run-transfer.ts';

const DAY_MS = 86_400_000;

await runApp('transfer', async ({ config, log, telemetry, tracing }) => {
  const fleet = await openFleet({ config, log, telemetry, tracing });
  const { settleMs, window, origin, concurrency, volumes } = config;
  const { queue, sides, clock } = fleet;
  const running = runTransfer({
    ...fleet.database,
    queue,
    sides,
    clock,
    log,
    telemetry,
    settleMs,
    window,
    origin,
    concurrency,
    volumes,
    trashMs: config.trashDays * DAY_MS,
  });
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
