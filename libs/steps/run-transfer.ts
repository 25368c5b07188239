/** Run transfer: decisions in, equal sides out; tends the trash of its volumes. */
import { Busy } from './busy.ts';
import { type CarryOutDeps, carryOutTransfers } from './carry-out-transfers.ts';
import { type Running, repeat } from './repeat.ts';
import { type TrashDeps, tendTrash } from './trash.ts';

const TEND_TRASH_MS = 10_000;

export interface RunTransferDeps extends CarryOutDeps, TrashDeps {
  readonly volumes: readonly string[];
  /** Jobs at once in this process. */
  readonly concurrency: number;
}

export function runTransfer(deps: RunTransferDeps): Running {
  const { queue, clock, log, volumes, concurrency } = deps;
  const busy = new Busy(concurrency * volumes.length);
  const consumers = volumes.map((volume) =>
    queue.consumeTransfers(volume, { concurrency }, (job, signal) =>
      busy.on(job.pairId, () => carryOutTransfers(job, deps, signal)),
    ),
  );
  const ended = new AbortController();
  const tending = volumes.map((volume) =>
    repeat(
      () => tendTrash(volume, deps),
      { clock, log, pauseMs: TEND_TRASH_MS, what: 'tending the trash' },
      ended.signal,
    ),
  );
  return {
    activity: () => busy.activity(),
    drain: async (budgetMs) => {
      ended.abort();
      await Promise.all([...consumers.map((consumer) => consumer.drain(budgetMs)), ...tending]);
    },
  };
}
