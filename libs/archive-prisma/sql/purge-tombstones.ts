/**
 * Purges tombstones: rows whose archives all say absent, with nothing to do, unchanged for a
 * week. They teach nothing that a new row would not; serials are never issued again anyway.
 */
import { planOnce, type Session } from '../connection.ts';

/** Keeps each call short; a full poll every few minutes is far faster than tombstones arise for long. */
const AT_MOST = 5_000;

const PURGE = planOnce(`
DELETE FROM entry WHERE (pair_id, name) IN (
  SELECT pair_id, name FROM entry
  WHERE pair_id = $1::int AND local_kind = 0 AND remote_kind = 0 AND sync_kind = 0
    AND decision_action IS NULL AND candidate_sides = 0 AND updated_at < now() - interval '7 days'
  ORDER BY name LIMIT ${AT_MOST} FOR UPDATE SKIP LOCKED
)`);

/** @returns how many rows went. */
export function purgeTombstones(session: Session, pairId: number): Promise<number> {
  return session.execute(PURGE, pairId);
}
