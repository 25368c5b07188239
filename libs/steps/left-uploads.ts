/**
 * Left uploads: what never ended in a container is dropped after a day, at a slow pace. It costs space and nothing
 * else, so a store that refuses is told of and the poll it goes with stays what it is.
 */
import { asHoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { ObjectStore } from '#ports/object-store.ts';

/** An upload that nobody added to for so long has no worker any more. */
const LEFT_AFTER_MS = 86_400_000;
/** Between two looks of one poller at one container. */
const LOOK_EVERY_MS = 6 * 3_600_000;

/**
 * @param lookedAt when this poller did so last; null: never.
 * @returns what to remember as `lookedAt`.
 */
export async function dropLeftUploads(
  store: Pick<ObjectStore, 'dropLeftUploads'>,
  lookedAt: number | null,
  now: number,
  log: Log,
): Promise<number> {
  if (lookedAt !== null && now - lookedAt < LOOK_EVERY_MS) return lookedAt;
  try {
    await store.dropLeftUploads(now - LEFT_AFTER_MS);
  } catch (thrown) {
    log.warn({ err: asHoldfastError(thrown).message }, 'could not drop uploads that never ended');
  }
  return now;
}
