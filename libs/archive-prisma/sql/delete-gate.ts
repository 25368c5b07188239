/** The delete gate as conditions: what every statement about deletes that wait or were let go has in common. */
import { ACTION } from '../codes.ts';

/** The codes of both deletes are the highest; the partial indexes say so too. */
const DELETES = ACTION['delete-remote'];

/** A pending decision that may be carried out: anything but a delete that waits. For a table `entry` named `e`. */
export const MAY_GO = `(e.decision_action < ${DELETES} OR e.decision_cleared)`;

/** A pending delete that was not let go. */
export const WAITS = `(e.decision_action >= ${DELETES} AND NOT e.decision_cleared)`;

/** Let go and counted, but not with a worker: it can still be taken back. Approved ones are not counted. */
export const CAN_BE_TAKEN_BACK = `(e.decision_cleared AND e.deleted_at IS NOT NULL
  AND (e.held_by IS NULL OR e.held_until <= now()))`;

/** Takes it back from the queue, too: after an approval it need not sit a hold out. */
export const TAKEN_BACK = 'decision_cleared = false, deleted_at = NULL, held_until = NULL, held_by = NULL';

/** A pending delete that waits is no longer decided. */
export const FORGOTTEN = `decision_serial = 0, decision_action = NULL, decision_displaced = NULL, decision_turn = NULL,
  decision_reason = NULL, attempts = 0, held_until = NULL, held_by = NULL`;

/** A name that was synced and is not looked at yet. */
export const SUSPECT = '(e.candidate_sides <> 0 AND e.decision_action IS NULL AND e.sync_kind <> 0)';

/** The probe of a candidate failed, and it waits for the next attempt of its problem. */
export const WAITS_FOR_ATTEMPT = `EXISTS (SELECT FROM problem p
  WHERE p.pair_id = e.pair_id AND p.name = e.name AND p.next_attempt_at = e.due_at)`;

/** @param parameter number of the one that gives the window, in milliseconds. */
export const deletedSince = (parameter: number): string =>
  `(e.deleted_at > now() - $${parameter}::bigint * interval '1 millisecond')`;
