/** Which pairs have work, and how much: what the sweep, status pages and `sync --wait` ask. */
import type { Serial } from '#core/serial.ts';
import type { PairCounts, Work } from '#ports/archive.ts';
import type { Session } from '../connection.ts';

/** Candidates are worked on in byte order, so the first ones tell whether anybody works at all. */
const OLDEST_AMONG = 1_000;

const DUE = '(e.due_at IS NULL OR e.due_at <= now())';

const WORK = `
SELECT p.id, p.volume, c.oldest IS NOT NULL AS candidates, c.oldest, d.found AS decisions
FROM pair p
CROSS JOIN LATERAL (
  SELECT min(first.candidate_marking) AS oldest FROM (
    SELECT e.candidate_marking FROM entry e
    WHERE e.pair_id = p.id AND e.candidate_sides <> 0 AND e.decision_action IS NULL AND ${DUE}
    ORDER BY e.name LIMIT ${OLDEST_AMONG}
  ) first
) c
CROSS JOIN LATERAL (
  SELECT EXISTS (SELECT FROM entry e WHERE e.pair_id = p.id AND e.held_until IS NULL AND e.decision_turn <= 4 AND ${DUE})
    OR EXISTS (SELECT FROM entry e WHERE e.pair_id = p.id AND e.held_until IS NULL AND e.decision_turn >= 5 AND ${DUE})
    OR EXISTS (SELECT FROM entry e WHERE e.pair_id = p.id AND e.held_until IS NOT NULL AND e.held_until <= now() AND ${DUE})
    AS found
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
  const rows = await session.$queryRawUnsafe<WorkRow[]>(WORK);
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
 * A decision is stuck when it failed three times and has an open problem. It keeps no pair from
 * being quiet, and neither does what waits for it: creations below one that leads, and whatever
 * waits for its contents above any.
 */
const COUNTS = `
WITH stuck AS MATERIALIZED (
  SELECT e.name, e.decision_turn FROM entry e JOIN problem p ON p.pair_id = e.pair_id AND p.name = e.name
  WHERE e.pair_id = $1::int AND e.decision_action IS NOT NULL AND e.attempts >= 3
),
pending AS (
  SELECT name, decision_action, decision_turn, local_size, remote_size FROM entry
  WHERE pair_id = $1::int AND held_until IS NULL AND decision_turn <= 4
  UNION ALL
  SELECT name, decision_action, decision_turn, local_size, remote_size FROM entry
  WHERE pair_id = $1::int AND held_until IS NULL AND decision_turn >= 5
  UNION ALL
  SELECT name, decision_action, decision_turn, local_size, remote_size FROM entry
  WHERE pair_id = $1::int AND held_until IS NOT NULL
),
moving AS (
  SELECT e.* FROM pending e
  WHERE NOT EXISTS (SELECT FROM stuck) OR (
    e.name NOT IN (SELECT name FROM stuck)
    AND NOT (e.decision_turn IN (4, 6) AND e.name IN (SELECT unnest(name_ancestors(name)) FROM stuck))
    AND NOT (e.decision_turn <= 4 AND EXISTS (
      SELECT FROM unnest(name_ancestors(e.name)) AS above(name)
      WHERE above.name IN (SELECT name FROM stuck WHERE decision_turn <= 2)))
  )
)
SELECT synced.*, waiting.*, decided.*, (SELECT count(*) FROM problem WHERE pair_id = $1::int) AS problems
FROM (
  SELECT count(*) FILTER (WHERE sync_kind = 1) AS files, count(*) FILTER (WHERE sync_kind = 2) AS directories,
    coalesce(sum(sync_size), 0)::bigint AS bytes
  FROM entry WHERE pair_id = $1::int
) synced, (
  SELECT count(*) AS candidates FROM entry e
  WHERE e.pair_id = $1::int AND e.candidate_sides <> 0 AND e.decision_action IS NULL
    AND NOT EXISTS (SELECT FROM problem p
      WHERE p.pair_id = e.pair_id AND p.name = e.name AND p.next_attempt_at = e.due_at)
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
}

export async function counts(session: Session, pairId: number): Promise<PairCounts> {
  const [row] = await session.$queryRawUnsafe<CountsRow[]>(COUNTS, pairId);
  return {
    files: Number(row?.files),
    directories: Number(row?.directories),
    bytes: Number(row?.bytes),
    candidates: Number(row?.candidates),
    decisions: Number(row?.decisions),
    decisionBytes: Number(row?.decision_bytes),
    problems: Number(row?.problems),
  };
}
