/**
 * Removal: Swift ignores every precondition of a DELETE. Look, delete, then prove by the
 * history that only the base lies below our marker; what lies between is rescued.
 */
import type { Name } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import { failureOf } from './client.ts';
import type { CommitContext, Order, Outcome } from './commit-context.ts';
import { keepBase, keepBetween, keepCurrent, pointerTo } from './displaced.ts';
import { isBase, matches, staleOutcome } from './expectation.ts';
import { objectHead } from './heads.ts';
import { behind, listVersions, listVersionsShowing, type Version } from './versions.ts';

/** @throws HoldfastError container-missing, and as every request */
export async function remove(context: CommitContext, name: Name, order: Order): Promise<Outcome> {
  const { client, versioned } = context;
  const before = await client.head(name);
  if (before === null) return removedEarlier(context, name, order);
  if (order.expected.kind === 'absent' || !matches(before, order.expected)) {
    return staleOutcome(before, order.expected);
  }
  const copies = versioned ? [] : await keepCurrent(context, name, order, before);
  const response = await client.remove(name, null);
  if (response.status === 404) return removedEarlier(context, name, order);
  if (response.status !== 204 && response.status !== 200) throw await failureOf(response, name);
  const markerId = objectHead(response.headers).version;
  if (!versioned || markerId === null) return applied(copies, null);

  const baseId = before.version ?? before.timestamp;
  const versions = await listVersionsShowing(context, name, markerId, baseId);
  const kept = await keepBetween(context, name, versions, markerId, baseId, order, null);
  kept.push(...(await keepBase(context, name, baseId, order)));
  const recovery = pointerTo(baseId, order.expected);
  if (versions.some((version) => version.id === markerId && version.isLatest)) return applied(kept, recovery);
  const there = await client.head(name);
  if (there === null) return applied(kept, recovery);
  return { ...staleOutcome(there, order.expected), conflictCopies: kept, recovery };
}

/** The name is absent: by an earlier attempt of this order, whose check may not have happened, or by someone else. */
async function removedEarlier(context: CommitContext, name: Name, order: Order): Promise<Outcome> {
  const { client, versioned } = context;
  const { expected } = order;
  await client.container();
  if (!versioned || expected.kind === 'absent' || expected.kind === 'unhandled') return applied([], null);
  const isTheBase = (version: Version): boolean =>
    expected.version === null ? isBase(version, expected) : version.id <= expected.version;
  const versions = await listVersions(client, name, (seen) => seen.some(isTheBase));
  const base = versions.find(isTheBase);
  if (base === undefined) {
    // It left the history, or never was in it: then nothing says what lay above it.
    if (expected.version === null || (await client.head(name, expected.version)) === null) {
      return applied([], null);
    }
    throw behind();
  }
  const lowestMarker = versions
    .slice(
      0,
      versions.findIndex((version) => version.kind !== 'deleted'),
    )
    .at(-1);
  const kept = await keepBetween(context, name, versions, lowestMarker?.id ?? NEWEST, base.id, order, null);
  kept.push(...(await keepBase(context, name, base.id, order)));
  return applied(kept, pointerTo(base.id, expected));
}

/** Above every version, where no marker is shown: the history is behind, or versioning was off. */
const NEWEST = '~';

function applied(conflictCopies: readonly Name[], recovery: ReturnType<typeof pointerTo>): Outcome {
  return { result: 'applied', state: ABSENT, hash: null, madeDirectories: [], conflictCopies, recovery };
}
