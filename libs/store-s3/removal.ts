/**
 * Removal: where the store enforces conditions on deletes, one conditional DELETE. Elsewhere: look, delete, then
 * see in the versions of the key what else appeared meanwhile and went out of sight; that is rescued.
 */
import type { Name } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import { type CommitContext, look, type Order, type Outcome } from './commit-context.ts';
import {
  findBase,
  keepAppearedBelow,
  keepBetween,
  keepCurrent,
  knownVersions,
  pointerTo,
} from './displaced.ts';
import { matches, staleOutcome } from './expectation.ts';
import { readIdentity } from './facts.ts';
import { keyOf } from './names.ts';

/** @throws HoldfastError container-missing, and as every request */
export async function remove(context: CommitContext, name: Name, order: Order): Promise<Outcome> {
  const { client, capabilities } = context;
  const { expected } = order;
  const isGuarded = capabilities.deleteIf === 'enforced';
  const key = keyOf(name, expected.kind === 'directory' ? 'directory' : 'file');
  // Before the look: what appears in between is then told from what was there.
  const known = isGuarded ? new Set<string>() : await knownVersions(context, key);
  const before = await look(client, name);
  if (before === null) return removedEarlier(context, name, order);
  if (expected.kind === 'absent' || !matches(before, expected)) return staleOutcome(before, expected);
  const copies = await keepCurrent(context, name, order, before);
  const removed = await client.remove(
    key,
    capabilities.deleteIf === 'ignored' ? {} : { ifMatch: before.etag },
  );
  if (removed.result === 'failed') throw removed.failure;
  if (removed.result !== 'done') {
    const there = await look(client, name);
    return there === null
      ? removedEarlier(context, name, order)
      : { ...staleOutcome(there, expected), conflictCopies: copies };
  }
  const recovery = pointerTo(context, before, expected);
  if (isGuarded || !capabilities.versions) return applied(copies, recovery);
  const appeared = await keepAppearedBelow(context, name, key, known, removed.version, order);
  copies.push(...appeared.copies);
  const there = appeared.isGone ? null : await look(client, name);
  if (there === null) return applied(copies, recovery);
  return { ...staleOutcome(there, expected), conflictCopies: copies, recovery };
}

/** The name is absent: by an earlier attempt of this order, whose check may not have happened, or by someone else. */
async function removedEarlier(context: CommitContext, name: Name, order: Order): Promise<Outcome> {
  const { client, capabilities } = context;
  const { expected } = order;
  await readIdentity(client);
  if (!capabilities.versions || expected.kind !== 'file') return applied([], null);
  const base = await findBase(context, name, expected);
  if (base === null) return applied([], null);
  const recovery = pointerTo(context, base, expected);
  if (capabilities.deleteIf === 'enforced') return applied([], recovery);
  return applied(await keepBetween(context, name, null, base.version, order, null), recovery);
}

function applied(conflictCopies: readonly Name[], recovery: RecoveryPointer | null): Outcome {
  return { result: 'applied', state: ABSENT, hash: null, madeDirectories: [], conflictCopies, recovery };
}
