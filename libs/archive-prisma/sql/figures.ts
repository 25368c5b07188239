/** Figures of the whole fleet. Reads what is undone through the partial indexes, so that it costs what is pending. */
import type { FleetFigures } from '#ports/figures.ts';
import type { Session } from '../connection.ts';
import { MAY_GO } from './delete-gate.ts';

const PAIRS = `
SELECT count(*) FILTER (WHERE paused)::int AS paused,
  count(*) FILTER (WHERE NOT paused AND disabled_code IS NOT NULL)::int AS disabled,
  count(*) FILTER (WHERE NOT paused AND disabled_code IS NULL)::int AS active,
  count(*) FILTER (WHERE NOT paused AND disabled_code IS NULL AND lease_expires_at > now())::int AS watched,
  count(*) FILTER (WHERE deletes_held_since IS NOT NULL)::int AS "deletesHeld"
FROM pair`;

/** One row for every active pair that has anything to do. */
const UNDONE = `
WITH undone AS (
  SELECT e.pair_id, true AS is_candidate, e.seen_at, e.name, e.due_at FROM entry e
  WHERE e.candidate_sides <> 0 AND e.decision_action IS NULL
  UNION ALL
  SELECT e.pair_id, false, e.seen_at, e.name, e.due_at FROM entry e
  WHERE e.decision_turn <= 4 AND e.held_until IS NULL AND ${MAY_GO}
  UNION ALL
  SELECT e.pair_id, false, e.seen_at, e.name, e.due_at FROM entry e
  WHERE e.decision_cleared AND e.held_until IS NULL
  UNION ALL
  SELECT e.pair_id, false, e.seen_at, e.name, NULL FROM entry e WHERE e.held_until IS NOT NULL
)
SELECT p.volume,
  count(*) FILTER (WHERE u.is_candidate AND (u.due_at IS NULL OR u.due_at <= now()))::int AS candidates,
  count(*) FILTER (WHERE NOT u.is_candidate AND (u.due_at IS NULL OR u.due_at <= now()))::int AS decisions,
  (extract(epoch FROM now() - min(u.seen_at) FILTER (WHERE f.name IS NULL)) * 1000)::float8 AS "lagMs"
FROM undone u
JOIN pair p ON p.id = u.pair_id AND NOT p.paused AND p.disabled_code IS NULL
LEFT JOIN problem f ON f.pair_id = u.pair_id AND f.name = u.name
GROUP BY p.id, p.volume`;

const VOLUMES = 'SELECT DISTINCT volume FROM pair ORDER BY volume';

const PROBLEMS = 'SELECT code, count(*)::int AS names FROM problem GROUP BY code ORDER BY code';

interface PairsRow {
  readonly paused: number;
  readonly disabled: number;
  readonly active: number;
  readonly watched: number;
  readonly deletesHeld: number;
}

interface UndoneRow {
  readonly volume: string;
  readonly candidates: number;
  readonly decisions: number;
  /** Null when each undone name has a problem. */
  readonly lagMs: number | null;
}

export async function figures(session: Session): Promise<FleetFigures> {
  const [found] = await session.query<PairsRow>(PAIRS);
  const pairs = found as PairsRow;
  const undone = await session.query<UndoneRow>(UNDONE);
  const problems = await session.query<{ code: string; names: number }>(PROBLEMS);
  const volumes = await session.query<{ volume: string }>(VOLUMES);
  const total = (volume: string, of: 'candidates' | 'decisions'): number =>
    undone.reduce((sum, row) => sum + (row.volume === volume ? row[of] : 0), 0);
  const lagsMs = undone.flatMap(({ lagMs }) => (lagMs === null ? [] : [lagMs]));
  return {
    pairs: { active: pairs.active, paused: pairs.paused, disabled: pairs.disabled },
    watched: pairs.watched,
    deletesHeld: pairs.deletesHeld,
    lagsMs: lagsMs.sort((a, b) => a - b),
    backlog: volumes.map(({ volume }) => ({
      volume,
      candidates: total(volume, 'candidates'),
      decisions: total(volume, 'decisions'),
    })),
    problems,
  };
}
