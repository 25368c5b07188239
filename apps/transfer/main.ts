/** Transfer: decisions in, equal sides out. The process that operators scale. Its README says what a crash leaves behind. */
import { openFleet } from '#libs/compose/fleet.ts';
import { runApp } from '#libs/compose/run-app.ts';
import { asHoldfastError } from '#ports/errors.ts';
import { carryOutTransfers } from '#steps/carry-out-transfers.ts';
import { tendTrash } from '#steps/trash.ts';

const TEND_TRASH_MS = 10_000;
const DAY_MS = 86_400_000;

await runApp('transfer', async ({ config, log }) => {
  const fleet = await openFleet({ config, log });
  const { registry, archive } = fleet.database;
  const { queue, sides, clock } = fleet;
  const { settleMs, window, origin, concurrency, volumes } = config;
  const deps = {
    registry,
    archive,
    queue,
    sides,
    clock,
    log,
    settleMs,
    window,
    origin,
    trashMs: config.trashDays * DAY_MS,
  };
  const consumers = volumes.map((volume) =>
    queue.consumeTransfers(volume, { concurrency }, (job, signal) => carryOutTransfers(job, deps, signal)),
  );
  const ended = new AbortController();
  const tending = (async () => {
    while (!ended.signal.aborted) {
      await clock.sleep(TEND_TRASH_MS, ended.signal);
      if (ended.signal.aborted) return;
      for (const volume of volumes) {
        await tendTrash(volume, deps).catch((thrown) =>
          log.warn({ err: asHoldfastError(thrown).message }, 'trash was not tended; it is tried again'),
        );
      }
    }
  })();
  return {
    ready: () => fleet.ping(),
    drain: async (budgetMs) => {
      ended.abort();
      await Promise.all([...consumers.map((consumer) => consumer.drain(budgetMs)), tending]);
      await fleet.close();
    },
  };
});
