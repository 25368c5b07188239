/**
 * Rescue: copies content that a commit displaces to its conflict name. Not every store makes a copy only
 * where nothing is, so the name is looked at first, and where there are versions the copy's own history is
 * looked at afterwards. Repeating a rescue makes no second copy.
 */
import type { Name } from '#core/name.ts';
import { versionsOf } from './client.ts';
import { type CommitContext, look, type Order } from './commit-context.ts';
import type { ObjectHead } from './heads.ts';

/** Content that is to be kept, where it can be read. */
export interface Displaced {
  readonly key: string;
  readonly head: ObjectHead;
  /** Whether it is a version that is named, or what is current. */
  readonly isVersion: boolean;
}

/** @returns names of the copies; none when the content is gone from the store altogether. */
export async function rescue(
  context: CommitContext,
  displaced: Displaced,
  order: Order,
  firstAttempt = 0,
): Promise<Name[]> {
  const { client, capabilities } = context;
  const { key, head, isVersion } = displaced;
  for (let attempt = firstAttempt; ; attempt += 1) {
    const target = order.conflictName(head.writtenAt, attempt);
    const there = await look(client, target);
    if (there !== null) {
      if (isTwin(there, head)) return [target];
      continue;
    }
    const source = { etag: head.etag, version: isVersion || capabilities.versions ? head.version : null };
    const copied = await client.copy(key, source, target);
    if (copied.result === 'source-gone') return [];
    if (copied.result === 'failed') throw copied.failure;
    if (copied.result !== 'done') continue;
    if (capabilities.versions) {
      return [target, ...(await rescueBelow(context, target, copied.version, displaced, order, attempt))];
    }
    // Without versions only a second look tells whether somebody else took the name meanwhile.
    const now = await look(client, target);
    if (now !== null && isTwin(now, head)) return [target];
  }
}

function isTwin(there: ObjectHead, head: ObjectHead): boolean {
  return there.kind === 'file' && there.size === head.size && there.md5 === head.md5;
}

/** What appeared at the conflict name between the look and the copy is kept under the next one. */
async function rescueBelow(
  context: CommitContext,
  target: Name,
  copiedId: string | null,
  displaced: Displaced,
  order: Order,
  attempt: number,
): Promise<Name[]> {
  const versions = await versionsOf(context.client, target);
  const at = versions.findIndex(({ versionId }) => versionId === copiedId);
  const kept: Name[] = [];
  for (const { versionId, isDeleted } of versions.slice(at + 1)) {
    if (isDeleted) break;
    const head = await context.client.head(target, versionId);
    if (head?.kind !== 'file' || isTwin(head, displaced.head)) continue;
    kept.push(...(await rescue(context, { key: target, head, isVersion: true }, order, attempt + 1)));
  }
  return kept;
}
