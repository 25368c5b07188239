/**
 * Moved: of files that moved on one side, where the other side has their content. Costs what went away with the same
 * inode, or digest.
 */
import type { Name } from '#core/name.ts';
import type { LocalTwin } from '#ports/archive.ts';
import type { Twin } from '#ports/object-store.ts';
import { KIND, POINTER_KIND, SIDE } from '../codes.ts';
import type { Session } from '../connection.ts';
import { digestOf } from '../digest-column.ts';
import { ENTRY_COLUMNS, type EntryRow, toEntry } from '../entry-row.ts';

/** Inodes are used again and names come back: of several, the one that went away last. */
const MOVED_HERE = `
SELECT DISTINCT ON (e.name) e.name, was.name AS source, was.gone_size AS size, was.gone_hash::text AS hash,
  CASE was.remote_kind WHEN ${KIND.file} THEN was.remote_version ELSE left_behind.locator END AS version
FROM entry e
JOIN entry was ON was.pair_id = e.pair_id AND was.gone_inode = e.local_inode
  AND was.gone_size = e.local_size AND was.gone_mtime_ns = e.local_mtime_ns
LEFT JOIN LATERAL (
  SELECT p.locator FROM recovery_pointer p
  WHERE p.pair_id = was.pair_id AND p.serial = was.remote_serial AND p.name = was.name
    AND p.side = ${SIDE.remote} AND p.kind = ${POINTER_KIND.version}
  ORDER BY p.id DESC LIMIT 1
) left_behind ON was.remote_kind = ${KIND.absent}
WHERE e.pair_id = $1::int AND e.name = ANY($2::text[]) AND e.local_kind = ${KIND.file}
  AND was.gone_inode IS NOT NULL AND was.gone_hash IS NOT NULL AND was.name <> e.name
  AND CASE was.remote_kind WHEN ${KIND.file} THEN was.remote_size = was.gone_size AND was.remote_hash = was.gone_hash
    ELSE left_behind.locator IS NOT NULL END
ORDER BY e.name, was.updated_at DESC, was.name`;

interface MovedRow {
  readonly name: Name;
  readonly source: Name;
  readonly size: bigint;
  readonly hash: string;
  readonly version: string | null;
}

export async function movedHere(
  session: Session,
  pairId: number,
  names: readonly Name[],
): Promise<ReadonlyMap<Name, Twin>> {
  const rows = await session.query<MovedRow>(MOVED_HERE, pairId, names);
  return new Map(
    rows.map(({ name, source, size, hash, version }) => {
      return [name, { name: source, version, size: Number(size), hash: digestOf(hash) ?? '' }];
    }),
  );
}

/** One of the same content will do, however many there are. */
const MOVED_UPSTREAM = `
SELECT wanted.name AS wanted, e.* FROM entry wanted
CROSS JOIN LATERAL (
  SELECT ${ENTRY_COLUMNS} FROM entry e
  WHERE e.pair_id = wanted.pair_id AND e.gone_side = ${SIDE.remote} AND e.gone_hash = wanted.remote_hash
    AND e.gone_size = wanted.remote_size AND e.local_kind = ${KIND.file} AND e.local_size = e.gone_size
    AND e.name <> wanted.name
  ORDER BY e.name LIMIT 1
) e
WHERE wanted.pair_id = $1::int AND wanted.name = ANY($2::text[]) AND wanted.remote_kind = ${KIND.file}`;

export async function movedUpstream(
  session: Session,
  pairId: number,
  names: readonly Name[],
): Promise<ReadonlyMap<Name, LocalTwin>> {
  const rows = await session.query<EntryRow & { readonly wanted: Name }>(MOVED_UPSTREAM, pairId, names);
  return new Map(
    rows.map((row) => {
      const { name, local: state } = toEntry(row);
      return [row.wanted, { name, state }];
    }),
  );
}
