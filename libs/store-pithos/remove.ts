/**
 * Remove: DELETE is never conditional, so the object is moved aside under a guard, looked at, and only
 * then deleted, or put back (pithos-api section 4.9, recipe 2). The hidden name follows from what is being
 * deleted, so a repeat after a crash, or a second worker, finds the object there and finishes the same way.
 */
import { createHash } from 'node:crypto';
import type { Name } from '#core/name.ts';
import { ABSENT, type RemoteState } from '#core/state.ts';
import { NOTHING_DISPLACED } from '#ports/commit.ts';
import { containerMissing, type PithosClient } from './client.ts';
import {
  type CommitContext,
  keepCopy,
  mayHaveHappened,
  type Order,
  type Outcome,
  putCopy,
  recoveryOf,
  rescueBetween,
  withCopies,
} from './commit.ts';
import { hasChildren, namesPage } from './listing.ts';
import { DELETES_PREFIX, isContentOf, type ObjectFacts, sameIdentity } from './wire.ts';

/**
 * Deletes the object if the store still holds `order.expected`.
 * @throws HoldfastError container-missing instead of taking its absence for success.
 */
export async function commitRemoval(context: CommitContext, name: Name, order: Order): Promise<Outcome> {
  const { client } = context;
  const hidden = hiddenName(name, order.expected);
  const copies: Name[] = [];
  const [current, leftover] = await Promise.all([client.head(name), client.head(hidden)]);
  if (current === null) {
    if ((await client.headContainer()) === null) throw containerMissing(client.container);
    return settle(context, name, hidden, order, null);
  }
  if (!isContentOf(current, order.expected)) {
    const reason = `the store holds a ${current.kind} of version ${current.version} instead`;
    return stale(
      reason,
      leftover === null ? NOTHING_DISPLACED : await settle(context, name, hidden, order, null),
    );
  }
  // The move would overwrite what an earlier attempt left there.
  if (leftover !== null) copies.push(...copiesOf(await settle(context, name, hidden, order, null)));
  if (order.expected.kind === 'directory' && (await hasChildren(client, name))) {
    return { result: 'blocked', reason: 'directory-not-empty' };
  }
  if (order.displaced === 'conflict-copy' && current.kind === 'file') {
    copies.push(...(await keepCopy(context, name, current.version, order)));
  }
  const moved = await moveAside(context, name, hidden, current);
  if (moved === 'refused') return stale('another writer replaced the object', { conflictCopies: copies });
  const base = moved === 'moved' ? current.version : null;
  return withCopies(await settle(context, name, hidden, order, base), copies);
}

/** For an order whose source moved on: what an earlier attempt moved aside is deleted or put back, as it would have done. */
export async function giveUpRemoval(context: CommitContext, name: Name, order: Order): Promise<Outcome> {
  const current = await context.client.head(name);
  if (current === null) return commitRemoval(context, name, order);
  const hidden = hiddenName(name, order.expected);
  const reason = 'its source moved on';
  if ((await context.client.head(hidden)) === null) return stale(reason, NOTHING_DISPLACED);
  return stale(reason, await settle(context, name, hidden, order, null));
}

type WithCopies = Outcome | { readonly conflictCopies: readonly Name[] };

function copiesOf(after: WithCopies): readonly Name[] {
  return 'conflictCopies' in after ? after.conflictCopies : [];
}

function stale(reason: string, after: WithCopies): Outcome {
  return { result: 'stale', reason, conflictCopies: copiesOf(after), recovery: null };
}

/** `missing` also when an answer was lost and the object is no longer at its name. */
async function moveAside(
  context: CommitContext,
  name: Name,
  hidden: string,
  current: ObjectFacts,
): Promise<'moved' | 'refused' | 'missing'> {
  try {
    return await context.client.moveIf(name, hidden, current.tag);
  } catch (error) {
    if (!mayHaveHappened(error)) throw error;
    if ((await context.client.head(hidden)) === null) throw error;
    return 'moved';
  }
}

/**
 * Finishes what is at the hidden name, if anything is: deletes it when it is what was to go, else puts it back.
 * @param base version that was checked before the move; null when an earlier attempt or another worker moved it.
 */
async function settle(
  context: CommitContext,
  name: Name,
  hidden: string,
  order: Order,
  base: number | null,
): Promise<Outcome> {
  const moved = await context.client.head(hidden);
  if (moved === null) return afterwards(context, name, order, base);
  const newest = (await context.client.versions(name)).at(-1)?.serial ?? null;
  // Without versions nothing is known of what came between, and content must do.
  const isBase = base === null || newest === null || !context.isVersioned || newest === base;
  if (isBase && isContentOf(moved, order.expected)) {
    await context.client.remove(hidden);
    return afterwards(context, name, order, base);
  }
  const conflictCopies = await putBack(context, name, hidden, moved, newest, order);
  return stale('another writer replaced the object while it was being deleted', { conflictCopies });
}

async function afterwards(
  context: CommitContext,
  name: Name,
  order: Order,
  base: number | null,
): Promise<Outcome> {
  const { expected } = order;
  const current = await context.client.head(name);
  if (current !== null) {
    const reason = `version ${current.version} was written after the deletion`;
    return { result: 'stale', reason, conflictCopies: [], recovery: recoveryOf(context, expected, base) };
  }
  const known = expected.kind === 'file' || expected.kind === 'directory' ? expected.version : null;
  const version = base ?? (known === null ? null : Number(known));
  return {
    result: 'applied',
    state: ABSENT,
    hash: null,
    madeDirectories: [],
    conflictCopies: [],
    recovery: recoveryOf(context, expected, version),
  };
}

/** The content returns to its name, or to a conflict name when a newcomer holds that. */
async function putBack(
  context: CommitContext,
  name: Name,
  hidden: string,
  moved: ObjectFacts,
  newestBefore: number | null,
  order: Order,
): Promise<readonly Name[]> {
  const { client } = context;
  const identity = { kind: moved.kind, hash: moved.hash, bytes: moved.bytes };
  const result = await client.moveBack(hidden, name);
  if (result === 'missing') return [];
  const current = await client.head(name);
  if (result === 'moved') {
    if (current === null || newestBefore === null || !sameIdentity(current, identity)) return [];
    return rescueBetween(context, name, current.version, newestBefore, order, identity);
  }
  const copies: Name[] = [];
  if (moved.kind === 'file' && (current === null || !sameIdentity(current, identity))) {
    copies.push(...(await copyHidden(context, name, hidden, moved, newestBefore, order)));
  }
  await client.remove(hidden);
  return copies;
}

async function copyHidden(
  context: CommitContext,
  name: Name,
  hidden: string,
  moved: ObjectFacts,
  serial: number | null,
  order: Order,
): Promise<readonly Name[]> {
  const map = await context.client.hashmap(hidden, moved.version);
  const row = (await context.client.versions(name)).find((found) => found.serial === serial);
  const writtenNs = row?.writtenNs ?? moved.writtenNs ?? 0n;
  const at = new Date(Number(writtenNs / 1_000_000n));
  return putCopy(context, name, moved, map?.hashes ?? [], order, (attempt) =>
    order.conflictName(at, attempt),
  );
}

/**
 * Undoes deletions of a name that died between moving an object aside and noticing that it was another one.
 * @returns whether anything went back to the name.
 */
export async function repairRemovals(client: PithosClient, name: Name): Promise<boolean> {
  const prefix = hiddenPrefix(name);
  let isRepaired = false;
  for (const hidden of await namesPage(client, null, prefix)) {
    const moved = await client.head(hidden);
    // What was to be deleted is left to the order that is deleting it.
    if (moved === null || hidden === prefix + contentText(moved)) continue;
    if ((await client.moveBack(hidden, name)) === 'moved') isRepaired = true;
  }
  return isRepaired;
}

/**
 * `<hash of the name>-<what is to be deleted>`. Two orders for the same content share it, which is one effect;
 * the name comes first, so that all leftovers of a name can be listed.
 */
function hiddenName(name: Name, expected: RemoteState): string {
  const content =
    expected.kind === 'file'
      ? { kind: expected.kind, bytes: expected.size, hash: expected.hash }
      : { kind: expected.kind, bytes: 0, hash: '' };
  return hiddenPrefix(name) + contentText(content);
}

function contentText(content: {
  readonly kind: string;
  readonly bytes: number;
  readonly hash: string;
}): string {
  return content.kind === 'file' ? `${content.bytes}-${content.hash}` : content.kind;
}

function hiddenPrefix(name: Name): string {
  const key = createHash('sha256').update(name).digest('hex').slice(0, 32);
  return `${DELETES_PREFIX}${key}-`;
}
