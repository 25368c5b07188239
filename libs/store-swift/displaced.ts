/** Displaced: what happens to the versions that a write or a delete put out of sight. */
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import type { CommitContext, Order } from './commit-context.ts';
import { isBase } from './expectation.ts';
import type { ObjectHead } from './heads.ts';
import { rescue } from './rescue.ts';
import { versionTime } from './seconds.ts';
import { between, type Version } from './versions.ts';

/** Content that we wrote, to tell a twin of it from a stranger. */
export interface Written {
  readonly size: number;
  readonly md5: string;
}

/**
 * Rescues every file that slipped in between our write and its base. A twin of our own content
 * or of the base needs no rescue: it is current, or recoverable as the base is.
 */
export async function keepBetween(
  context: CommitContext,
  name: Name,
  versions: readonly Version[],
  oursId: string,
  baseId: string | null,
  order: Order,
  ours: Written | null,
): Promise<Name[]> {
  const copies: Name[] = [];
  for (const version of between(versions, oursId, baseId)) {
    const isTwin = ours !== null && version.size === ours.size && version.etag === ours.md5;
    if (version.kind !== 'file' || isTwin || isBase(version, order.expected)) continue;
    copies.push(...(await rescueVersion(context, name, version, order)));
  }
  return copies;
}

/** Keeps the base beside the winner where the decision says that it lost a conflict. */
export async function keepBase(
  context: CommitContext,
  name: Name,
  baseId: string | null,
  order: Order,
): Promise<Name[]> {
  const { expected } = order;
  if (order.displaced !== 'conflict-copy' || expected.kind !== 'file' || baseId === null) return [];
  const { size, hash: etag } = expected;
  const manifest = (await context.client.head(name, baseId))?.manifest ?? null;
  return rescueVersion(context, name, { id: baseId, size, etag, manifest }, order);
}

/** The same before the write, where no version will be left of the base afterwards. */
export async function keepCurrent(
  context: CommitContext,
  name: Name,
  order: Order,
  current: ObjectHead,
): Promise<Name[]> {
  if (order.displaced !== 'conflict-copy' || current.kind !== 'file') return [];
  const { size, etag, manifest } = current;
  const writtenAt = versionTime(current.timestamp ?? '');
  return rescue(context, { name, version: null, size, etag, manifest, writtenAt }, order);
}

function rescueVersion(
  context: CommitContext,
  name: Name,
  version: Pick<Version, 'id' | 'size' | 'etag' | 'manifest'>,
  order: Order,
): Promise<Name[]> {
  const { id, size, etag, manifest } = version;
  const displaced = { name, version: id, size, etag, manifest, writtenAt: versionTime(id) };
  return rescue(context, displaced, order);
}

export function pointerTo(baseId: string | null, expected: RemoteState): RecoveryPointer | null {
  if (baseId === null || expected.kind !== 'file') return null;
  return { kind: 'version', locator: baseId, size: expected.size, hash: expected.hash };
}
