/** Watcher: folders in, LOCAL candidates out. Its README says what a crash leaves behind. */
import { hostname } from 'node:os';
import { openFleet } from '#libs/compose/fleet.ts';
import { runApp } from '#libs/compose/run-app.ts';
import { watchFolder } from '#libs/store-local/watch.ts';
import { PairWatcher } from '#steps/watch-pairs.ts';

/** How often hints are judged: the share of the latency of one saved file that is ours to choose. */
const JUDGE_EVERY_MS = 50;
const SCANS_AT_ONCE = 2;
const DAY_MS = 86_400_000;

await runApp('watcher', async ({ config, log }) => {
  const fleet = await openFleet({ config, log });
  const { registry, archive } = fleet.database;
  const watcher = new PairWatcher({
    registry,
    archive,
    queue: fleet.queue,
    sides: fleet.sides,
    clock: fleet.clock,
    log,
    owner: `${hostname()}-${process.pid}-${fleet.clock.uniqueId().slice(0, 8)}`,
    volumes: config.volumes,
    leaseMs: config.leaseMs,
    scanIntervalMs: config.scanIntervalMs,
    settleMs: config.settleMs,
    trashMs: config.trashDays * DAY_MS,
    scansAtOnce: SCANS_AT_ONCE,
    watch: (pair, sides) => watchFolder({ root: pair.folder, isExcluded: sides.isExcluded, log }),
  });
  const ended = new AbortController();
  const judging = (async () => {
    while (!ended.signal.aborted) {
      await watcher.judge();
      await fleet.clock.sleep(JUDGE_EVERY_MS, ended.signal);
    }
  })();
  const running = watcher.run(ended.signal);
  return {
    ready: () => fleet.ping(),
    drain: async () => {
      ended.abort();
      await Promise.all([running, judging]);
      await fleet.close();
    },
  };
});
