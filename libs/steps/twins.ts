/**
 * Twins: content of files that moved on one side, which the other side has under an earlier
 * name and so need not be sent. Hints: whoever copies goes by size and digest, and takes the
 * bytes from their source where the twin is gone or another.
 */
import type { Entry } from '#core/entry.ts';
import type { Name } from '#core/name.ts';
import type { Archive, LocalTwin } from '#ports/archive.ts';
import type { StoreCapabilities, Twin } from '#ports/object-store.ts';

export interface Twins {
  /** For uploads: where the container has the content. */
  readonly upstream: ReadonlyMap<Name, Twin>;
  /** For downloads: where the folder has it. */
  readonly here: ReadonlyMap<Name, LocalTwin>;
}

export const NO_TWINS: Twins = { upstream: new Map(), here: new Map() };

/**
 * Of names that are new to the target. Upstream only where no copy can overwrite for good, as one that is not
 * create-only may without versions; a store of blocks copies nothing, and is sent no block that it has.
 */
export async function findTwins(
  pairId: number,
  { serverSideCopy, copyCreateOnly, versions, blockSize }: StoreCapabilities,
  entries: readonly Entry[],
  archive: Pick<Archive, 'movedHere' | 'movedUpstream'>,
): Promise<Twins> {
  const copies = blockSize !== null || (serverSideCopy && (versions || copyCreateOnly === 'enforced'));
  const sent = copies ? entries.filter(isNewUpstream).map(({ name }) => name) : [];
  const fetched = entries.filter(isNewHere).map(({ name }) => name);
  return {
    upstream: sent.length === 0 ? NO_TWINS.upstream : await archive.movedHere(pairId, sent),
    here: fetched.length === 0 ? NO_TWINS.here : await archive.movedUpstream(pairId, fetched),
  };
}

function isNewUpstream({ decision, local, remote }: Entry): boolean {
  return decision?.action === 'upload' && local.kind === 'file' && remote.kind === 'absent';
}

function isNewHere({ decision, local, remote }: Entry): boolean {
  return decision?.action === 'download' && remote.kind === 'file' && local.kind === 'absent';
}
