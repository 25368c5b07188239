/**
 * Displaced: what happens to content that a write or a delete put out of sight. Where the store guards a
 * write itself nothing but the base can be displaced; elsewhere the versions show what else was.
 */
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import { HoldfastError } from '#ports/errors.ts';
import { versionsOf } from './client.ts';
import type { CommitContext, Order } from './commit-context.ts';
import { holds, matches } from './expectation.ts';
import type { ObjectHead } from './heads.ts';
import { keyOf } from './names.ts';
import { rescue } from './rescue.ts';
import type { ListedVersion } from './xml.ts';

/** Content that we wrote, to tell a twin of it from a stranger. */
export type Written = Pick<ObjectHead, 'size' | 'md5'>;

/** Keeps what loses a conflict beside the winner, before it is replaced: nobody may come back to do so afterwards. */
export async function keepCurrent(
  context: CommitContext,
  name: Name,
  order: Order,
  current: ObjectHead,
): Promise<Name[]> {
  if (order.displaced !== 'conflict-copy' || current.kind !== 'file') return [];
  return rescue(context, { key: name, head: current, isVersion: false }, order);
}

/** The version of what was decided on, if the bucket still keeps it. */
export async function findBase(
  { client, capabilities }: CommitContext,
  name: Name,
  expected: RemoteState,
): Promise<ObjectHead | null> {
  if (!capabilities.versions || (expected.kind !== 'file' && expected.kind !== 'directory')) return null;
  const key = keyOf(name, expected.kind);
  if (expected.version !== null) return client.head(key, expected.version);
  const fits = (version: ListedVersion): boolean => holds(version, expected);
  const versions = await versionsOf(client, key, (seen) => seen.some(fits));
  const base = versions.find(fits);
  return base === undefined ? null : client.head(key, base.versionId);
}

/** Where a base is that an earlier attempt replaced or removed; the copy of one that lost was made before that. */
export async function pointerToBase(
  context: CommitContext,
  name: Name,
  { expected }: Order,
): Promise<RecoveryPointer | null> {
  return pointerTo(context, await findBase(context, name, expected), expected);
}

/** Ids of what a bucket with versions keeps of a key; taken before a write that the store does not guard. */
export async function knownVersions(context: CommitContext, key: string): Promise<Set<string>> {
  if (!context.capabilities.versions) return new Set();
  return new Set((await versionsNow(context, key, null)).map(({ versionId }) => versionId));
}

/** All versions of a key, from a page that others share where it shows `showing`, too. */
async function versionsNow(
  { client, histories }: CommitContext,
  key: string,
  showing: string | null,
): Promise<readonly ListedVersion[]> {
  const shared = (await histories?.read(key)) ?? null;
  const isShown = showing === null || shared?.some(({ versionId }) => versionId === showing) === true;
  return shared !== null && isShown ? shared : versionsOf(client, key);
}

/**
 * Rescues every file that appeared beside a write or a delete of ours, and is not what is current now. By
 * what was there before, not by the order of the list, in which stores place delete markers differently.
 * @param oursId version that we wrote; null where we deleted.
 */
export async function keepAppeared(
  context: CommitContext,
  name: Name,
  key: string,
  known: ReadonlySet<string>,
  oursId: string | null,
  order: Order,
  ours: Written | null,
): Promise<Name[]> {
  const versions = await versionsNow(context, key, oursId);
  if (oursId !== null && !versions.some(({ versionId }) => versionId === oursId)) throw behind();
  const appeared = versions.filter(
    ({ versionId, isLatest }) => !known.has(versionId) && versionId !== oursId && !isLatest,
  );
  return keepVersions(context, name, key, order, ours, appeared);
}

/** The same after a delete that made the marker `markerId`. @returns `isGone`: the marker is what the key shows now. */
export async function keepAppearedBelow(
  context: CommitContext,
  name: Name,
  key: string,
  known: ReadonlySet<string>,
  markerId: string | null,
  order: Order,
): Promise<{ readonly copies: readonly Name[]; readonly isGone: boolean }> {
  const versions = await versionsNow(context, key, markerId);
  const appeared = versions.filter(({ versionId, isLatest }) => !known.has(versionId) && !isLatest);
  const isGone =
    context.histories !== null &&
    markerId !== null &&
    versions.some(({ versionId, isDeleted, isLatest }) => versionId === markerId && isDeleted && isLatest);
  return { copies: await keepVersions(context, name, key, order, null, appeared), isGone };
}

/**
 * Rescues what lies between a write of ours that an earlier attempt made and its base, newest first.
 * @param oursId null: the delete markers that are newest, whoever made them.
 */
export async function keepBetween(
  context: CommitContext,
  name: Name,
  oursId: string | null,
  baseId: string | null,
  order: Order,
  ours: Written | null,
): Promise<Name[]> {
  const versions = await versionsOf(context.client, name);
  const firstShown = versions.findIndex(({ isDeleted }) => !isDeleted);
  const at = oursId === null ? firstShown - 1 : versions.findIndex(({ versionId }) => versionId === oursId);
  const below = versions.slice(at + 1);
  const end = below.findIndex(({ versionId, isDeleted }) => isDeleted || versionId === baseId);
  return keepVersions(context, name, name, order, ours, end < 0 ? below : below.slice(0, end));
}

/** A twin of our own content or of the base needs no rescue: it is current, or recoverable as the base is. */
async function keepVersions(
  context: CommitContext,
  name: Name,
  key: string,
  order: Order,
  ours: Written | null,
  chosen: readonly ListedVersion[],
): Promise<Name[]> {
  const copies: Name[] = [];
  for (const { versionId, isDeleted } of chosen) {
    const head = isDeleted ? null : await context.client.head(key, versionId);
    if (head?.kind !== 'file' || matches(head, order.expected)) continue;
    if (ours !== null && head.size === ours.size && head.md5 === ours.md5) continue;
    copies.push(...(await rescue(context, { key: name, head, isVersion: true }, order)));
  }
  return copies;
}

export function pointerTo(
  { capabilities }: CommitContext,
  base: ObjectHead | null,
  expected: RemoteState,
): RecoveryPointer | null {
  if (!capabilities.versions || base?.version == null || expected.kind !== 'file') return null;
  return { kind: 'version', locator: base.version, size: expected.size, hash: expected.hash };
}

function behind(): HoldfastError {
  return new HoldfastError(
    'store-unavailable',
    'the list of versions is behind the objects; whether the write displaced anything is checked again later',
  );
}
