/** Trash: the late look at displaced files, and the end of their retention. Bounded work per call. */
import { conflictName } from '#core/conflict-name.ts';
import type { Name } from '#core/name.ts';
import type { Archive, TrashedContent } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import type { StageOutcome } from '#ports/content.ts';
import { asHoldfastError } from '#ports/errors.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { LocalFolder } from '#ports/local-folder.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import type { Pair } from '#ports/pair.ts';
import { conflictEvents } from './conflict-events.ts';
import { type PairDeps, withPair } from './with-pair.ts';

const BATCH = 200;
const DAY_MS = 24 * 60 * 60 * 1_000;

type DueTrash = TrashedContent & { readonly due: 'look-again' | 'expired' };

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

/** Content of a version that the store keeps, pinned to what its pointer says. */
export function stageVersion(
  store: ObjectStore,
  name: Name,
  { locator, size, hash }: RecoveryPointer,
): Promise<StageOutcome> {
  return store.stage(name, { kind: 'file', size, hash: hash ?? '', version: locator, mtimeNs: null });
}

/**
 * Content in the trash that no recovery pointer tells of gets one (invariant 1): what a process put there that died
 * before it could say so, or of which the database was set back.
 * @param before milliseconds since the epoch: what was displaced later may still be told by its own commit.
 */
export async function adoptTrash(
  pair: Pair,
  folder: LocalFolder,
  before: number,
  { archive, clock, trashMs }: Pick<TrashDeps, 'archive' | 'clock'> & { readonly trashMs: number },
): Promise<void> {
  const now = clock.now();
  for await (const item of folder.trashed((places) => archive.recordedTrash(pair.id, places))) {
    const { name, serial, pointer } = item;
    // Discarding takes the content before the pointer: what is still there was not being discarded.
    if (item.displacedAt >= before || (await folder.inspect(pointer, null)) === null) continue;
    const recovery = { name, side: 'local', serial, pointer, lookAgainAt: now } as const;
    const text = 'content of it was found in the trash that nothing told of; it is kept like any other';
    const event = { name, kind: 'recovered', side: 'local', serial, text } as const;
    await archive.release(pair.id, [], {
      candidates: [],
      recovery: [{ ...recovery, expiresAt: now + keptMs(pair, trashMs) }],
      history: [event],
    });
  }
}

/** @returns how many pointers were dealt with; fewer than were due when some failed. */
export async function tendTrash(volume: string, deps: TrashDeps): Promise<number> {
  let done = 0;
  for (const item of await deps.archive.dueTrash(volume, BATCH)) {
    try {
      const tended = await withPair(item.pairId, deps, async (pair, sides) => {
        if (item.pointer.kind === 'trash') await tendContent(pair, sides.folder, item, deps);
        if (item.due === 'expired') await deps.archive.settleTrash(item.id, 'gone');
        return true;
      });
      if (tended === true) done += 1;
    } catch (thrown) {
      deps.log.warn(
        { pair: item.pairId, err: asHoldfastError(thrown).message },
        'could not tend a trashed file; it is tried again',
      );
    }
  }
  return done;
}

/** Looks at it, for the second or the last time, and discards it when its retention ended. */
async function tendContent(pair: Pair, folder: LocalFolder, item: DueTrash, deps: TrashDeps): Promise<void> {
  const seen = await folder.lookAgain(item.name, item.pointer, (attempt) =>
    conflictName(item.name, new Date(deps.clock.now()), deps.origin, attempt),
  );
  if (typeof seen === 'object') {
    await deps.archive.mark(pair.id, 'local', [seen.copy]);
    const text = 'it was written to after it had been replaced; that content was kept as';
    const events = conflictEvents(item.name, seen.copy, 'local', item.serial, text);
    await deps.archive.appendHistory(pair.id, events);
    await deps.queue.wake(pair.volume, pair.id);
  }
  if (item.due === 'expired') await folder.discard(item.pointer);
  else await deps.archive.settleTrash(item.id, seen === 'unchanged' ? 'looked' : 'ended');
}
