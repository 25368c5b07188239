/** Lets deletes of a pair through the gate, holds them there, or takes back what no worker has claimed yet. */
import type { UnansweredHold } from '#core/delete-hold.ts';
import { HISTORY_KIND } from '../codes.ts';
import type { Session } from '../connection.ts';
import {
  CAN_BE_TAKEN_BACK,
  FORGOTTEN,
  SUSPECT,
  TAKEN_BACK,
  WAITS,
  WAITS_FOR_ATTEMPT,
} from './delete-gate.ts';

/** Waits for a hold or an answer that is on its way, and keeps others off until this ends. */
const LOCK_PAIR = `
SELECT deletes_held_since AS held_since FROM pair WHERE id = $1::int FOR NO KEY UPDATE`;

async function heldSince(session: Session, pairId: number): Promise<Date | null | undefined> {
  const [pair] = await session.query<{ held_since: Date | null }>(LOCK_PAIR, pairId);
  return pair?.held_since;
}

const LET_GO = `
WITH locked AS MATERIALIZED (
  SELECT e.name FROM entry e WHERE e.pair_id = $1::int AND ${WAITS} ORDER BY e.name FOR UPDATE
)
UPDATE entry e SET decision_cleared = true, deleted_at = now()
FROM locked WHERE e.pair_id = $1::int AND e.name = locked.name AND (SELECT count(*) FROM locked) = $2::bigint`;

/** Runs as one transaction. */
export async function letDeletesGo(session: Session, pairId: number, counted: number): Promise<boolean> {
  if ((await heldSince(session, pairId)) !== null) return false;
  return (await session.execute(LET_GO, pairId, BigInt(counted))) > 0;
}

const LOOK_AGAIN = `
WITH locked AS MATERIALIZED (
  SELECT e.name, e.decision_serial FROM entry e
  WHERE e.pair_id = $1::int AND ${WAITS} AND e.candidate_sides <> 0 ORDER BY e.name FOR UPDATE
),
told AS (
  INSERT INTO history (pair_id, name, kind, serial, text)
  SELECT $1::int, name, ${HISTORY_KIND.stale}, decision_serial, 'not carried out: something happened to the name while its delete waited'
  FROM locked ORDER BY name
)
UPDATE entry e SET ${FORGOTTEN}, candidate_sides = 3, due_at = NULL, updated_at = now()
FROM locked WHERE e.pair_id = $1::int AND e.name = locked.name`;

/** @returns how many. */
export function lookAgainAtDeletes(session: Session, pairId: number): Promise<number> {
  return session.execute(LOOK_AGAIN, pairId);
}

const HOLD = `UPDATE pair SET deletes_held_since = now() WHERE id = $1::int`;

/** In order of pairs and names, in which all statements lock. @param $1 null for all pairs. */
const TAKE_BACK = `
WITH locked AS MATERIALIZED (
  SELECT e.pair_id, e.name FROM entry e
  WHERE ($1::int IS NULL OR e.pair_id = $1::int) AND ${CAN_BE_TAKEN_BACK}
  ORDER BY e.pair_id, e.name FOR UPDATE OF e
)
UPDATE entry e SET ${TAKEN_BACK} FROM locked WHERE e.pair_id = locked.pair_id AND e.name = locked.name`;

export async function takeBackDeletes(session: Session, pairId: number | null): Promise<void> {
  await session.execute(TAKE_BACK, pairId);
}

/** Runs as one transaction. */
export async function holdDeletes(session: Session, pairId: number): Promise<boolean> {
  if ((await heldSince(session, pairId)) !== null) return false;
  await session.execute(HOLD, pairId);
  await takeBackDeletes(session, pairId);
  return true;
}

const END_HOLD = `
UPDATE pair SET deletes_held_since = NULL
WHERE id = $1::int AND deletes_held_since IS NOT NULL
  AND NOT EXISTS (SELECT FROM entry e WHERE e.pair_id = $1::int AND ${WAITS})
  AND NOT EXISTS (SELECT FROM entry e WHERE e.pair_id = $1::int AND ${SUSPECT} AND NOT ${WAITS_FOR_ATTEMPT})`;

export async function endHold(session: Session, pairId: number): Promise<boolean> {
  return (await session.execute(END_HOLD, pairId)) > 0;
}

const HOLDS = `
SELECT id AS pair_id, deletes_held_since AS since FROM pair WHERE deletes_held_since IS NOT NULL ORDER BY id`;

export async function unansweredHolds(session: Session): Promise<readonly UnansweredHold[]> {
  const rows = await session.query<{ pair_id: number; since: Date }>(HOLDS);
  return rows.map((row) => ({ pairId: row.pair_id, since: row.since.getTime() }));
}
