/**
 * Counts renames among a pair's deletes: as many of one content as names of the same side got
 * that content within the window. Reads every entry of the pair, so it is only asked when
 * deletes are too many to go uncounted.
 */
import type { RenameCounts } from '#core/delete-hold.ts';
import { TURN } from '#core/turn.ts';
import { ACTION, KIND, SIDE } from '../codes.ts';
import type { Session } from '../connection.ts';
import { deletedSince, WAITS } from './delete-gate.ts';
import { pendingBelow } from './pending-below.ts';

/** It is read only when these very deletes are gone: they must not wait for that. */
const WAITS_BELOW = `(e.decision_turn = ${TURN['replaces-tree']} AND ${pendingBelow('e.name')})`;

const appeared = (side: 'local' | 'remote', move: string): string => `
  SELECT ${SIDE[side]} AS side, e.${side}_kind AS kind, e.${side}_size AS size, e.${side}_hash AS hash, ${move},
    e.decision_action IS NOT DISTINCT FROM ${ACTION.upload} AND e.attempts = 0 AND NOT ${WAITS_BELOW} AS is_read
  FROM entry e
  WHERE e.pair_id = $1::int AND e.${side}_kind IN (${KIND.file}, ${KIND.directory})
    AND e.updated_at > now() - $2::bigint * interval '1 millisecond'
    AND (e.decision_action IS NULL OR e.decision_action < ${ACTION['delete-remote']})`;

const COUNT = `
WITH gone AS MATERIALIZED (
  SELECT e.name, e.gone_side AS side, e.gone_size AS size, e.gone_hash AS hash, e.gone_inode AS inode,
    e.gone_mtime_ns AS mtime_ns
  FROM entry e WHERE e.pair_id = $1::int AND (${WAITS} OR ${deletedSince(2)})
),
appeared AS MATERIALIZED (
  ${appeared('local', 'e.local_inode AS inode, e.local_mtime_ns AS mtime_ns')}
  UNION ALL
  ${appeared('remote', 'NULL::bigint, NULL::bigint')}
),
-- A move keeps inode, size and time; an inode alone is soon used again.
moves AS MATERIALIZED (
  SELECT DISTINCT ON (inode, size, mtime_ns) inode, size, mtime_ns, hash FROM gone
  WHERE inode IS NOT NULL AND size IS NOT NULL
),
contents AS MATERIALIZED (
  SELECT appeared.side, appeared.size, coalesce(appeared.hash, moves.hash) AS hash, appeared.is_read
  FROM appeared LEFT JOIN moves USING (inode, size, mtime_ns) WHERE appeared.kind = ${KIND.file}
),
kept AS MATERIALIZED (
  SELECT gone.side, gone.size, gone.hash, gone.number - least(gone.number, coalesce(found.number, 0)) AS lost,
    least(gone.number, coalesce(found.number, 0)) AS renamed
  FROM (SELECT side, size, hash, count(*) AS number FROM gone WHERE size IS NOT NULL GROUP BY 1, 2, 3) gone
  LEFT JOIN (SELECT side, size, hash, count(*) AS number FROM contents WHERE hash IS NOT NULL GROUP BY 1, 2, 3) found
    USING (side, size, hash)
),
directories AS (
  SELECT count(*) AS number FROM gone
  WHERE size IS NULL AND (
    name IN (
      SELECT unnest(name_ancestors(below.name)) FROM gone below JOIN kept USING (side, size, hash) WHERE kept.renamed > 0
    )
    OR inode IN (SELECT inode FROM appeared WHERE kind = ${KIND.directory} AND inode IS NOT NULL)
  )
),
unread AS (
  SELECT coalesce(sum(least(lost.number, found.number)), 0) AS number
  FROM (SELECT size, sum(lost) AS number FROM kept WHERE side = ${SIDE.local} GROUP BY 1) lost
  JOIN (
    SELECT size, count(*) AS number FROM contents WHERE side = ${SIDE.local} AND hash IS NULL AND is_read GROUP BY 1
  ) found USING (size)
)
SELECT (SELECT coalesce(sum(renamed), 0) FROM kept)::bigint + (SELECT number FROM directories) AS certain,
  (SELECT number FROM unread)::bigint AS possible`;

export async function countRenames(
  session: Session,
  pairId: number,
  windowMs: number,
): Promise<RenameCounts> {
  type Row = { readonly certain: bigint; readonly possible: bigint };
  const [row] = await session.query<Row>(COUNT, pairId, BigInt(windowMs));
  return { certain: Number(row?.certain), possible: Number(row?.possible) };
}
