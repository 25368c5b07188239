/**
 * Rescue: copies content that a commit displaced to its conflict name. A copy cannot be
 * create-only in Swift, so the name is looked at first, and where there are versions the
 * copy's own history is checked afterwards. Repeating a rescue makes no second copy.
 */
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import type { CommitOrder } from '#ports/commit.ts';
import type { Manifest, ObjectHead } from './heads.ts';
import { between, listVersionsShowing, type Readers } from './versions.ts';

/** Content that is to be kept, where it can be read. */
export interface Displaced {
  readonly name: Name;
  /** Null: the current one, in a container without versions. */
  readonly version: string | null;
  readonly size: number;
  readonly etag: string;
  /** Of a manifest of ours, which is copied as what it is. */
  readonly manifest: Manifest | null;
  readonly writtenAt: Date;
}

/** @returns names of the copies; none when the content is gone from the store altogether. */
export async function rescue(
  readers: Readers,
  displaced: Displaced,
  order: CommitOrder<RemoteState>,
  firstAttempt = 0,
): Promise<Name[]> {
  for (let attempt = firstAttempt; ; attempt += 1) {
    const target = order.conflictName(displaced.writtenAt, attempt);
    const there = await readers.client.head(target);
    if (there !== null) {
      if (holds(there, displaced)) return [target];
      continue;
    }
    const copied = await readers.client.copy(displaced.name, displaced, target);
    if (copied === undefined) return [];
    if (copied === null) {
      // Without versions only a second look tells whether somebody else took the name meanwhile.
      if (holds(await readers.client.head(target), displaced)) return [target];
      continue;
    }
    return [target, ...(await rescueBelow(readers, target, copied, displaced, order, attempt))];
  }
}

function holds(there: ObjectHead | null, { size, etag }: Displaced): boolean {
  return there?.kind === 'file' && there.size === size && there.etag === etag;
}

/** What appeared at the conflict name between the look and the copy is kept under the next one. */
async function rescueBelow(
  readers: Readers,
  target: Name,
  copied: string,
  displaced: Displaced,
  order: CommitOrder<RemoteState>,
  attempt: number,
): Promise<Name[]> {
  const versions = await listVersionsShowing(readers, target, copied, null);
  const kept: Name[] = [];
  for (const version of between(versions, copied, null)) {
    if (version.etag === displaced.etag && version.size === displaced.size) continue;
    const { id, size, etag, manifest } = version;
    const below = { ...displaced, name: target, version: id, size, etag, manifest };
    kept.push(...(await rescue(readers, below, order, attempt + 1)));
  }
  return kept;
}
