/**
 * Give up: the end of an order whose source moved on. An earlier attempt is known by the order's serial in the
 * metadata of what it wrote, also as a version further down; what it displaced unnoticed is rescued.
 */
import type { Name } from '#core/name.ts';
import type { CommitContext, Order, Outcome } from './commit-context.ts';
import { keepBase, keepBetween, pointerTo } from './displaced.ts';
import { isBase, staleOutcome } from './expectation.ts';
import { type ObjectHead, stateOf } from './heads.ts';
import { remove } from './removal.ts';
import { listVersions, type Version } from './versions.ts';

/** As many writes of one name as are looked through for ours. */
const MOST_VERSIONS = 20;

/** See `ObjectStore.giveUp`. */
export async function giveUp(
  context: CommitContext,
  name: Name,
  action: 'pull' | 'remove',
  order: Order,
): Promise<Outcome> {
  const there = await context.client.head(name);
  if (action === 'remove') {
    return there === null ? remove(context, name, order) : staleOutcome(there, order.expected);
  }
  const isOurs = there?.order === String(order.serial);
  if (!context.versioned) {
    return isOurs ? appliedAs(there, [], null) : staleOutcome(there, order.expected);
  }
  const { expected } = order;
  const isTheBase = (version: Version): boolean =>
    expected.kind === 'file' && expected.version !== null
      ? version.id <= expected.version
      : expected.kind !== 'absent' && isBase(version, expected);
  const versions = await listVersions(context.client, name, (seen) => seen.some(isTheBase));
  const baseId = versions.find(isTheBase)?.id ?? null;
  // What is newer than the current one never was current, such as our own write that was refused.
  const newest = there?.version ?? null;
  const above = versions.filter(
    ({ id }) => (baseId === null || id > baseId) && (newest === null || id <= newest),
  );
  const ours = await oldestOf(context, name, above.slice(0, MOST_VERSIONS), order);
  if (ours === null) return isOurs ? appliedAs(there, [], null) : staleOutcome(there, expected);
  const copies = await keepBetween(context, name, versions, ours, baseId, order, null);
  copies.push(...(await keepBase(context, name, baseId, order)));
  const recovery = pointerTo(baseId, expected);
  if (isOurs) return appliedAs(there, copies, recovery);
  return { ...staleOutcome(there, expected), conflictCopies: copies, recovery };
}

/** Id of the first version that the order wrote; what it displaced lies below. */
async function oldestOf(
  { client }: CommitContext,
  name: Name,
  versions: readonly Version[],
  order: Order,
): Promise<string | null> {
  for (const { id, kind } of versions.toReversed()) {
    if (kind === 'deleted') continue;
    if ((await client.head(name, id))?.order === String(order.serial)) return id;
  }
  return null;
}

function appliedAs(
  there: ObjectHead,
  conflictCopies: readonly Name[],
  recovery: ReturnType<typeof pointerTo>,
): Outcome {
  const state = stateOf(there);
  const hash = state.kind === 'file' ? state.hash : null;
  return { result: 'applied', state, hash, madeDirectories: [], conflictCopies, recovery };
}
