/**
 * Marks names whose problem may have ended without a change of their own: all that cannot sync,
 * when a full look begins, and those that an object above or below stood in the way of, when
 * upstream no longer holds it.
 */
import type { Session } from '../connection.ts';
import { SOONER } from './mark.ts';

const markWhere = (condition: string): string => `
WITH marking AS MATERIALIZED (SELECT nextval('serial') AS number),
waiting AS MATERIALIZED (
  SELECT e.name FROM problem p JOIN entry e ON e.pair_id = p.pair_id AND e.name = p.name
  WHERE p.pair_id = $1::int AND ${condition}
  ORDER BY e.name FOR UPDATE OF e
)
UPDATE entry e SET candidate_sides = e.candidate_sides | 3, candidate_marking = (SELECT number FROM marking),
  due_at = ${SOONER}
FROM waiting WHERE e.pair_id = $1::int AND e.name = waiting.name`;

const MARK_PROBLEMS = markWhere('p.code <> ALL($2::text[])');
const MARK_AROUND_ENDED = markWhere(`p.code = 'name-file-and-directory' AND (
    name_ancestors(e.name) && $2::text[]
    OR e.name IN (SELECT unnest(name_ancestors(ended)) FROM unnest($2::text[]) AS ended)
  )`);

export async function markProblems(
  session: Session,
  pairId: number,
  exceptCodes: readonly string[],
): Promise<void> {
  await session.execute(MARK_PROBLEMS, pairId, exceptCodes);
}

/** @param ended names at which REMOTE no longer remembers an object with content, as of this transaction. */
export async function markAroundEnded(
  session: Session,
  pairId: number,
  ended: readonly string[],
): Promise<void> {
  await session.execute(MARK_AROUND_ENDED, pairId, ended);
}
