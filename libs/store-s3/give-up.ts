/**
 * Give up: the end of an order whose source moved on. An earlier attempt is known by the order's serial in the
 * metadata of what it wrote, also as a version further down; what it displaced unnoticed is rescued.
 */
import type { Name } from '#core/name.ts';
import { type Client, versionsOf } from './client.ts';
import { type CommitContext, look, type Order, type Outcome } from './commit-context.ts';
import { findBase, keepBetween, pointerToBase } from './displaced.ts';
import { staleOutcome } from './expectation.ts';
import { type ObjectHead, stateOf } from './heads.ts';
import { remove } from './removal.ts';
import { mayCopyUnguarded } from './twin.ts';
import type { ListedVersion } from './xml.ts';

/** As many writes of one name as are looked through for ours. */
const MOST_VERSIONS = 20;

/** See `ObjectStore.giveUp`. */
export async function giveUp(
  context: CommitContext,
  name: Name,
  action: 'pull' | 'remove',
  order: Order,
): Promise<Outcome> {
  const { client, capabilities } = context;
  const there = await look(client, name);
  if (action === 'remove') {
    return there === null ? remove(context, name, order) : staleOutcome(there, order.expected);
  }
  const isOurs = there?.order === String(order.serial);
  const isCopied = order.expected.kind === 'absent' && mayCopyUnguarded(capabilities);
  // The attempt may have been one of large content.
  const { createOnly, replaceIf, guardsLarge } = capabilities;
  const isGuarded = !isCopied && guardsLarge && createOnly === 'enforced' && replaceIf === 'enforced';
  const between = isGuarded || !capabilities.versions ? [] : await rescueUnnoticed(context, name, order);
  if (!isOurs && between === null) return staleOutcome(there, order.expected);
  if (!isOurs && isGuarded) return staleOutcome(there, order.expected);
  const recovery = await pointerToBase(context, name, order);
  const conflictCopies = between ?? [];
  if (!isOurs) return { ...staleOutcome(there, order.expected), conflictCopies, recovery };
  const state = stateOf(there);
  const hash = state.kind === 'file' ? state.hash : null;
  return { result: 'applied', state, hash, madeDirectories: [], conflictCopies, recovery };
}

/** What lies between the first version that the order wrote and its base; null when it wrote none. */
async function rescueUnnoticed(context: CommitContext, name: Name, order: Order): Promise<Name[] | null> {
  const { client } = context;
  const base = await findBase(context, name, order.expected);
  const baseId = base?.version ?? null;
  const isBase = ({ versionId }: ListedVersion): boolean => versionId === baseId;
  const versions = await versionsOf(client, name, (seen) => seen.some(isBase) || seen.length > MOST_VERSIONS);
  const end = versions.findIndex(isBase);
  const above = versions.slice(0, end < 0 ? MOST_VERSIONS : end);
  const ours = await oldestOf(client, name, above, order);
  if (ours === null) return null;
  return keepBetween(context, name, ours.version, baseId, order, ours);
}

async function oldestOf(
  client: Client,
  name: Name,
  versions: readonly ListedVersion[],
  order: Order,
): Promise<ObjectHead | null> {
  for (const { versionId, isDeleted } of versions.toReversed()) {
    const head = isDeleted ? null : await client.head(name, versionId);
    if (head?.order === String(order.serial)) return head;
  }
  return null;
}
