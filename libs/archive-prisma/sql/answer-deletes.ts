/** Shows an operator the deletes that wait, and carries the answer out: it goes for all that wait at that moment. */
import type { Name } from '#core/name.ts';
import type { HeldDelete } from '#ports/delete-gate.ts';
import { ACTION, HISTORY_KIND, SIDE } from '../codes.ts';
import type { Session } from '../connection.ts';
import { FORGOTTEN, WAITS } from './delete-gate.ts';

const PAGE = `
SELECT e.name, e.decision_action, e.sync_size, e.updated_at FROM entry e
WHERE e.pair_id = $1::int AND ${WAITS} AND ($2::text IS NULL OR e.name > $2::text)
ORDER BY e.name LIMIT $3::int`;

interface HeldRow {
  readonly name: string;
  readonly decision_action: number;
  readonly sync_size: bigint | null;
  readonly updated_at: Date;
}

export async function pageHeldDeletes(
  session: Session,
  pairId: number,
  after: string | null,
  limit: number,
): Promise<readonly HeldDelete[]> {
  const rows = await session.query<HeldRow>(PAGE, pairId, after, limit);
  return rows.map((row) => ({
    name: row.name as Name,
    side: row.decision_action === ACTION['delete-remote'] ? 'local' : 'remote',
    size: row.sync_size === null ? null : Number(row.sync_size),
    decidedAt: row.updated_at,
  }));
}

/** Serials of the decisions are told, since that is what `why` follows. */
const answer = (changes: string, told: string): string => `
WITH marking AS MATERIALIZED (SELECT nextval('serial') AS number),
locked AS MATERIALIZED (
  SELECT e.name, e.decision_serial, e.decision_action FROM entry e
  WHERE e.pair_id = $1::int AND ${WAITS} ORDER BY e.name FOR UPDATE
),
answered AS (
  UPDATE entry e SET ${changes} FROM locked WHERE e.pair_id = $1::int AND e.name = locked.name RETURNING e.name
),
told AS (
  INSERT INTO history (pair_id, name, kind, side, serial, text)
  SELECT $1::int, name, ${HISTORY_KIND.operator},
    CASE decision_action WHEN ${ACTION['delete-remote']} THEN ${SIDE.local} ELSE ${SIDE.remote} END, decision_serial, '${told}'
  FROM locked ORDER BY name
)
SELECT count(*) AS number FROM answered`;

const APPROVE = answer('decision_cleared = true, deleted_at = NULL', 'the delete was approved');

const REVERT = answer(
  `${FORGOTTEN}, sync_serial = 0, sync_kind = 0, sync_size = NULL, sync_hash = NULL,
    candidate_sides = 3, candidate_marking = (SELECT number FROM marking), due_at = NULL, updated_at = now()`,
  'the delete was reverted: the name is looked at as if it had never been synced',
);

const LET_GO_BEFORE = `
WITH locked AS MATERIALIZED (
  SELECT e.name FROM entry e WHERE e.pair_id = $1::int AND e.deleted_at IS NOT NULL ORDER BY e.name FOR UPDATE
)
UPDATE entry e SET deleted_at = NULL FROM locked WHERE e.pair_id = $1::int AND e.name = locked.name`;

const END_HOLD = 'UPDATE pair SET deletes_held_since = NULL WHERE id = $1::int';

const ANSWERS = { approve: APPROVE, revert: REVERT };

/** Runs as one transaction. @returns how many deletes the answer is for. */
export async function answerDeletes(
  session: Session,
  pairId: number,
  given: keyof typeof ANSWERS,
): Promise<number> {
  await session.execute(END_HOLD, pairId);
  const [row] = await session.query<{ number: bigint }>(ANSWERS[given], pairId);
  // What an operator has judged must not trip the next batch.
  await session.execute(LET_GO_BEFORE, pairId);
  return Number(row?.number ?? 0);
}
