/** Which pairs have work, and how much: what the sweep, status pages and `sync --wait` ask. */
import type { Serial } from '#core/serial.ts';
import type { PairCounts, Work } from '#ports/archive.ts';
import type { Session } from '../connection.ts';
import { MAY_GO, WAITS, WAITS_FOR_ATTEMPT } from './delete-gate.ts';
import { DUE, nextCandidates } from './next-candidates.ts';

/** The candidates that come next tell whether anybody works at all. */
const OLDEST_AMONG = 1_000;

/** Deletes that wait are judged again and again until they go or are held; held ones wait for a mark, or for their end. */
const GATE = `CASE WHEN p.deletes_held_since IS NULL
    THEN EXISTS (SELECT FROM entry e WHERE e.pair_id = p.id AND ${WAITS})
    ELSE EXISTS (SELECT FROM entry e WHERE e.pair_id = p.id AND ${WAITS} AND e.candidate_sides <> 0)
      OR NOT EXISTS (SELECT FROM entry e WHERE e.pair_id = p.id AND ${WAITS}) END`;

const WORK = `
SELECT p.id, p.volume, c.oldest IS NOT NULL AS candidates, c.oldest, d.found AS decisions
FROM pair p
CROSS JOIN LATERAL (
  SELECT min(candidate_marking) AS oldest
  FROM (${nextCandidates('e.candidate_marking', 'p.id', `${OLDEST_AMONG}`)}) next
) c
CROSS JOIN LATERAL (
  SELECT EXISTS (
      SELECT FROM entry e
      WHERE e.pair_id = p.id AND e.held_until IS NULL AND e.decision_turn <= 4 AND ${MAY_GO} AND ${DUE}
    )
    OR EXISTS (
      SELECT FROM entry e
      WHERE e.pair_id = p.id AND e.held_until IS NULL AND e.decision_turn >= 5 AND e.decision_cleared AND ${DUE}
    )
    OR EXISTS (SELECT FROM entry e WHERE e.pair_id = p.id AND e.held_until IS NOT NULL AND e.held_until <= now() AND ${DUE})
    OR ${GATE} AS found
) d
WHERE NOT p.paused AND p.disabled_code IS NULL AND (c.oldest IS NOT NULL OR d.found)
ORDER BY p.id`;

interface WorkRow {
  readonly id: number;
  readonly volume: string;
  readonly candidates: boolean;
  readonly oldest: bigint | null;
  readonly decisions: boolean;
}

export async function work(session: Session): Promise<readonly Work[]> {
  const rows = await session.query<WorkRow>(WORK);
  return rows.map((row) => ({
    pairId: row.id,
    volume: row.volume,
    candidates: row.candidates,
    decisions: row.decisions,
    oldestMarking: (row.oldest ?? 0n) as Serial,
  }));
}

/**
 * A candidate whose probe failed waits for its problem's next attempt and keeps no pair from being quiet; marked
 * again it has another time, until it was looked at once more.
 *
 * A decision is stuck when it failed three times and has an open problem, or is a delete that waits to be let go, which
 * is counted apart. It keeps no pair from being quiet, and neither does what waits for it: creations below one that
 * leads, and whatever waits for its contents above any. Deletes that wait may be very many: they are never a list of names.
 */
const COUNTS = `
WITH failed AS MATERIALIZED (
  SELECT e.name, e.decision_turn FROM entry e JOIN problem p ON p.pair_id = e.pair_id AND p.name = e.name
  WHERE e.pair_id = $1::int AND e.decision_action IS NOT NULL AND e.attempts >= 3
),
leaders AS MATERIALIZED (
  SELECT name FROM failed WHERE decision_turn <= 2
  UNION ALL
  SELECT e.name FROM entry e WHERE e.pair_id = $1::int AND ${WAITS} AND e.decision_turn <= 2
),
pending AS (
  SELECT name, decision_action, decision_turn, local_size, remote_size FROM entry e
  WHERE pair_id = $1::int AND held_until IS NULL AND decision_turn <= 4 AND ${MAY_GO}
  UNION ALL
  SELECT name, decision_action, decision_turn, local_size, remote_size FROM entry
  WHERE pair_id = $1::int AND held_until IS NULL AND decision_turn >= 5 AND decision_cleared
  UNION ALL
  SELECT name, decision_action, decision_turn, local_size, remote_size FROM entry
  WHERE pair_id = $1::int AND held_until IS NOT NULL
),
moving AS (
  SELECT p.* FROM pending p
  WHERE (NOT EXISTS (SELECT FROM failed) OR (
      p.name NOT IN (SELECT name FROM failed)
      AND NOT (p.decision_turn IN (4, 6) AND p.name IN (SELECT unnest(name_ancestors(name)) FROM failed))
    ))
    AND NOT (p.decision_turn IN (4, 6) AND EXISTS (
      SELECT FROM entry e WHERE e.pair_id = $1::int AND ${WAITS} AND e.name > p.name || '/' AND e.name < p.name || '0'
    ))
    AND NOT (p.decision_turn <= 4 AND EXISTS (SELECT FROM leaders) AND EXISTS (
      SELECT FROM unnest(name_ancestors(p.name)) AS above(name) WHERE above.name IN (SELECT name FROM leaders)
    ))
)
SELECT synced.*, waiting.*, decided.*, (SELECT count(*) FROM problem WHERE pair_id = $1::int) AS problems,
  (SELECT count(*) FROM entry e WHERE e.pair_id = $1::int AND ${WAITS}) AS waiting_deletes
FROM (
  SELECT count(*) FILTER (WHERE sync_kind = 1) AS files, count(*) FILTER (WHERE sync_kind = 2) AS directories,
    coalesce(sum(sync_size), 0)::bigint AS bytes
  FROM entry WHERE pair_id = $1::int
) synced, (
  SELECT count(*) AS candidates FROM entry e
  WHERE e.pair_id = $1::int AND e.candidate_sides <> 0 AND e.decision_action IS NULL
    AND NOT ${WAITS_FOR_ATTEMPT}
) waiting, (
  SELECT count(*) AS decisions,
    coalesce(sum(CASE decision_action WHEN 1 THEN local_size WHEN 2 THEN remote_size END), 0)::bigint AS decision_bytes
  FROM moving
) decided`;

interface CountsRow {
  readonly files: bigint;
  readonly directories: bigint;
  readonly bytes: bigint;
  readonly candidates: bigint;
  readonly decisions: bigint;
  readonly decision_bytes: bigint;
  readonly problems: bigint;
  readonly waiting_deletes: bigint;
}

export async function counts(session: Session, pairId: number): Promise<PairCounts> {
  const [row] = await session.query<CountsRow>(COUNTS, pairId);
  return {
    files: Number(row?.files),
    directories: Number(row?.directories),
    bytes: Number(row?.bytes),
    candidates: Number(row?.candidates),
    decisions: Number(row?.decisions),
    decisionBytes: Number(row?.decision_bytes),
    problems: Number(row?.problems),
    waitingDeletes: Number(row?.waiting_deletes),
  };
}
