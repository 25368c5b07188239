/** Trash: the late look at displaced files, and the end of their retention. Bounded work per call. */
import { conflictName } from '#core/conflict-name.ts';
import type { Archive } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import { asHoldfastError } from '#ports/errors.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { Pair } from '#ports/pair.ts';
import { type PairDeps, withPair } from './with-pair.ts';

const BATCH = 200;
const DAY_MS = 24 * 60 * 60 * 1_000;

export interface TrashDeps extends PairDeps {
  readonly archive: Archive;
  readonly queue: JobQueue;
  readonly clock: Clock;
  readonly origin: string;
}

/** Milliseconds that a pair keeps displaced content. @param configuredMs for pairs that say nothing of it. */
export function keptMs({ retention }: Pick<Pair, 'retention'>, configuredMs: number): number {
  return retention.days === null ? configuredMs : retention.days * DAY_MS;
}

/** @returns how many pointers were dealt with; fewer than were due when some failed. */
export async function tendTrash(volume: string, deps: TrashDeps): Promise<number> {
  let done = 0;
  for (const item of await deps.archive.dueTrash(volume, BATCH)) {
    try {
      const settled = await withPair(item.pairId, deps, async (pair, sides) => {
        if (item.due === 'expired') {
          if (item.pointer.kind === 'trash') await sides.folder.discard(item.pointer);
          await deps.archive.settleTrash(item.id, 'gone');
          return true;
        }
        const copy = await sides.folder.lookAgain(item.name, item.pointer, (attempt) =>
          conflictName(item.name, new Date(deps.clock.now()), deps.origin, attempt),
        );
        if (copy !== null) {
          const text = `it was written to after it had been replaced; that content was kept as "${copy}"`;
          await deps.archive.mark(pair.id, 'local', [copy]);
          await deps.archive.appendHistory(pair.id, [
            { name: item.name, kind: 'conflict', side: 'local', serial: item.serial, text },
          ]);
          await deps.queue.wake(pair.volume, pair.id);
        }
        await deps.archive.settleTrash(item.id, 'looked');
        return true;
      });
      if (settled === true) done += 1;
    } catch (thrown) {
      deps.log.warn(
        { pair: item.pairId, err: asHoldfastError(thrown).message },
        'could not tend a trashed file; it is tried again',
      );
    }
  }
  return done;
}
