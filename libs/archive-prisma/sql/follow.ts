/** What a console follows the fleet by: what was moved since an event, and what pairs hold. */
import type { Moved, Tally } from '#ports/overview.ts';
import type { Session } from '../connection.ts';

/** Events get their numbers before they are committed: the last second is left for the next look. */
export const MOVED = `
WITH recent AS MATERIALIZED (
  SELECT id, pair_id, at, bytes FROM history
  WHERE id > $1::bigint AND at < now() - interval '1 second' ORDER BY id LIMIT $2::int
)
SELECT pair_id, date_trunc('minute', at) AS minute, count(bytes) AS files, coalesce(sum(bytes), 0)::bigint AS bytes,
  max(id) AS event
FROM recent GROUP BY 1, 2 ORDER BY event DESC`;

export async function movedSince(
  session: Session,
  event: bigint,
  limit: number,
): Promise<{ readonly event: bigint; readonly moved: readonly Moved[] }> {
  type Row = {
    readonly pair_id: number;
    readonly minute: Date;
    readonly files: bigint;
    readonly bytes: bigint;
    readonly event: bigint;
  };
  const rows = await session.query<Row>(MOVED, event, limit);
  return {
    event: rows[0]?.event ?? event,
    moved: rows.map(({ pair_id: pairId, minute, files, bytes }) => ({
      pairId,
      minute,
      files: Number(files),
      bytes: Number(bytes),
    })),
  };
}

export async function latestEvent(session: Session): Promise<bigint> {
  const [row] = await session.query<{ id: bigint | null }>('SELECT max(id) AS id FROM history');
  return row?.id ?? 0n;
}

const TALLIES = `
SELECT pair_id, count(*) FILTER (WHERE sync_kind = 1) AS files, count(*) FILTER (WHERE sync_kind = 2) AS directories,
  coalesce(sum(sync_size), 0)::bigint AS bytes
FROM entry WHERE pair_id = ANY($1::int[]) GROUP BY pair_id`;

export async function tallies(session: Session, pairIds: readonly number[]): Promise<readonly Tally[]> {
  type Row = {
    readonly pair_id: number;
    readonly files: bigint;
    readonly directories: bigint;
    readonly bytes: bigint;
  };
  const rows = await session.query<Row>(TALLIES, pairIds);
  return rows.map((row) => ({
    pairId: row.pair_id,
    files: Number(row.files),
    directories: Number(row.directories),
    bytes: Number(row.bytes),
  }));
}

export async function pairIds(session: Session): Promise<readonly number[]> {
  const rows = await session.query<{ id: number }>('SELECT id FROM pair ORDER BY id');
  return rows.map(({ id }) => id);
}
