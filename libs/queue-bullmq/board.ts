/** Board: the queues of a fleet as Bull Board wants them, for looking and for an operator's hand; nothing here takes jobs. */
import type { Queue } from 'bullmq';
import type { Clock } from '#ports/clock.ts';
import type { Log } from '#ports/log.ts';
import { errorReport } from './error-report.ts';
import { openBackend, type QueueServer } from './open.ts';

export interface QueueBoard {
  /** Every queue that some process of the fleet uses, opened once. */
  queues(): Promise<readonly Queue[]>;
  close(): Promise<void>;
}

/** @throws HoldfastError configuration-invalid */
export function openQueueBoard(
  server: QueueServer,
  options: { readonly prefix: string; readonly clock: Clock; readonly log: Log },
): QueueBoard {
  const onError = errorReport(options.log, options.clock);
  const backend = openBackend(server, options.prefix, onError);
  const opened = new Map<string, Queue>();
  return {
    queues: async () => {
      const names = [...(await backend.queueNames([]))].sort();
      return names.map((name) => {
        // A handle shows the part of a queue that ours use; what is behind it is whole.
        const queue = opened.get(name) ?? (backend.openQueue(name, () => opened.delete(name)) as Queue);
        opened.set(name, queue);
        return queue;
      });
    },
    close: async () => {
      await Promise.all([...opened.values()].map((queue) => queue.close().catch(onError)));
      await backend.close();
    },
  };
}
