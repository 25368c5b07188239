/**
 * Next candidates: which names are looked at first. Those that were synced come before those that are new, so that the
 * end of a name is recorded before the name its content moved to is handed out, and what moved need not be sent.
 */
import { SUSPECT } from './delete-gate.ts';

/** For a table `entry` named `e`: looked at, or handed out, from now on. */
export const DUE = '(e.due_at IS NULL OR e.due_at <= now())';

/**
 * A query of candidates that are due, known names first. In no order: those who want one sort by `is_new` and `name`,
 * both in byte order. It reads no more rows than it returns, but for known names that wait.
 * @param columns of the table `entry e`
 * @param limit an expression of type int
 */
export const nextCandidates = (columns: string, pairId: string, limit: string): string => `
  WITH known AS MATERIALIZED (
    SELECT ${columns}, false AS is_new FROM entry e
    WHERE e.pair_id = ${pairId} AND ${SUSPECT} AND ${DUE}
    ORDER BY e.name LIMIT ${limit}
  )
  SELECT * FROM known
  UNION ALL (
    SELECT ${columns}, true FROM entry e
    WHERE e.pair_id = ${pairId} AND e.candidate_sides <> 0 AND e.decision_action IS NULL AND e.sync_kind = 0 AND ${DUE}
    ORDER BY e.name LIMIT ${limit} - (SELECT count(*) FROM known)
  )`;
