/** Marks names as candidates; each call is one new marking, so a probe that began before it does not clear it. */
import { bulk, inNameOrder } from '../bulk.ts';
import { SIDES } from '../codes.ts';
import type { Session } from '../connection.ts';

interface MarkRow {
  readonly name: string;
  readonly sides: number;
}

const MARKS = bulk<MarkRow>({ name: 'text', sides: 'smallint' });

/**
 * A candidate that waits is looked at soon after a new marking: what it waited for may have changed. Its time is
 * then no longer that of its problem's next attempt, which is how `counts` tells that it is to be looked at.
 */
export const SOONER = `CASE WHEN e.decision_action IS NOT NULL THEN e.due_at
  WHEN e.due_at > now() + interval '2 seconds' THEN now() + interval '2 seconds' END`;

const MARK = `
WITH marking AS MATERIALIZED (SELECT nextval('serial') AS number)
INSERT INTO entry AS e (pair_id, name, candidate_sides, candidate_marking)
SELECT $1::int, given.name, given.sides, (SELECT number FROM marking)
FROM ${MARKS.source('given', 2)}
WHERE EXISTS (SELECT FROM pair WHERE id = $1::int)
ON CONFLICT (pair_id, name) DO UPDATE SET
  candidate_sides = e.candidate_sides | excluded.candidate_sides,
  candidate_marking = excluded.candidate_marking,
  due_at = ${SOONER}`;

/** @param sides bits of `SIDES`. A pair that is gone is left gone. */
export async function mark(session: Session, pairId: number, rows: readonly MarkRow[]): Promise<void> {
  if (rows.length === 0) return;
  const merged = inNameOrder(rows, (a, b) => ({ name: a.name, sides: a.sides | b.sides }));
  await session.execute(MARK, pairId, ...MARKS.values(merged));
}

const MARK_BELOW = `
WITH marking AS MATERIALIZED (SELECT nextval('serial') AS number),
below AS MATERIALIZED (
  SELECT name FROM entry
  WHERE pair_id = $1::int AND name > $2::text || '/' AND name < $2::text || '0'
    AND (local_kind <> 0 OR remote_kind <> 0)
  ORDER BY name FOR UPDATE
)
UPDATE entry e SET
  candidate_sides = e.candidate_sides | $3::smallint,
  candidate_marking = (SELECT number FROM marking),
  due_at = ${SOONER}
FROM below WHERE e.pair_id = $1::int AND e.name = below.name`;

export async function markBelow(
  session: Session,
  pairId: number,
  sides: keyof typeof SIDES,
  name: string,
): Promise<void> {
  await session.execute(MARK_BELOW, pairId, name, SIDES[sides]);
}
