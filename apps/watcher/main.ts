/** Watcher: folders in, LOCAL candidates out. Its README says what a crash leaves behind. */
import { hostname } from 'node:os';
import { openFleet } from '#libs/compose/fleet.ts';
import { runApp } from '#libs/compose/run-app.ts';
import { watchFolder } from '#libs/store-local/watch.ts';
import { runWatcher } from '#steps/run-watcher.ts';

const JUDGE_INTERVAL_MS = 50;
/** Scans of small folders wait for round trips most of the time; of a large one memory holds a page, whatever its size. */
const SCANS_AT_ONCE = 8;
const DAY_MS = 86_400_000;

await runApp('watcher', async ({ config, log, telemetry, tracing }) => {
  const fleet = await openFleet({ config, log, telemetry, tracing });
  const { queue, sides, clock } = fleet;
  const running = runWatcher({
    ...fleet.database,
    queue,
    sides,
    clock,
    log,
    telemetry,
    owner: `${hostname()}-${process.pid}-${clock.uniqueId().slice(0, 8)}`,
    volumes: config.volumes,
    hintsOnly: config.hintsOnly,
    leaseMs: config.leaseMs,
    scanIntervalMs: config.scanIntervalMs,
    settleMs: config.settleMs,
    trashMs: config.trashDays * DAY_MS,
    scansAtOnce: SCANS_AT_ONCE,
    judgeIntervalMs: JUDGE_INTERVAL_MS,
    watch: (pair, { isExcluded }) => watchFolder({ root: pair.folder, isExcluded, log }),
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
