/** Counts the deletes of a pair that wait, and what they are measured by. Costs what waits, not what exists, while that is little. */
import type { DeleteCounts, WaitingAges } from '#core/delete-hold.ts';
import type { CountTerms, WaitingDeletes } from '#ports/delete-gate.ts';
import { ACTION } from '../codes.ts';
import { planOnce, type Session } from '../connection.ts';
import { deletedSince, SUSPECT, WAITS, WAITS_FOR_ATTEMPT } from './delete-gate.ts';

const decidedAt = (which: 'min' | 'max', action: number): string => `(
  SELECT floor(extract(epoch FROM now() - ${which}(e.updated_at)) * 1000)::bigint FROM entry e
  WHERE e.pair_id = p.id AND ${WAITS} AND e.decision_action = ${action}
)`;

const WAITING = planOnce(`
SELECT p.deletes_held_since AS held_since,
  ${decidedAt('max', ACTION['delete-remote'])} AS local_youngest, ${decidedAt('min', ACTION['delete-remote'])} AS local_oldest,
  ${decidedAt('max', ACTION['delete-local'])} AS remote_youngest, ${decidedAt('min', ACTION['delete-local'])} AS remote_oldest
FROM pair p WHERE p.id = $1::int`);

interface WaitingRow {
  readonly held_since: Date | null;
  readonly local_youngest: bigint | null;
  readonly local_oldest: bigint | null;
  readonly remote_youngest: bigint | null;
  readonly remote_oldest: bigint | null;
}

export async function waitingDeletes(session: Session, pairId: number): Promise<WaitingDeletes> {
  const [row] = await session.query<WaitingRow>(WAITING, pairId);
  if (row === undefined) return { heldSince: null, local: null, remote: null };
  return {
    heldSince: row.held_since?.getTime() ?? null,
    local: ages(row.local_youngest, row.local_oldest),
    remote: ages(row.remote_youngest, row.remote_oldest),
  };
}

function ages(youngest: bigint | null, oldest: bigint | null): WaitingAges | null {
  if (youngest === null || oldest === null) return null;
  return { youngestMs: Number(youngest), oldestMs: Number(oldest) };
}

const IS_DUE = '(e.due_at IS NULL OR e.due_at <= now())';

/** The names are counted in full only where that can change the verdict. */
const COUNT = `
WITH waiting AS MATERIALIZED (
  SELECT count(*) AS number, max(e.decision_serial) AS last FROM entry e WHERE e.pair_id = $1::int AND ${WAITS}
),
deleted AS MATERIALIZED (
  SELECT count(*) AS number FROM entry e WHERE e.pair_id = $1::int AND ${deletedSince(2)}
),
suspect AS MATERIALIZED (
  SELECT count(*) AS number FROM entry e WHERE e.pair_id = $1::int AND ${SUSPECT} AND ${IS_DUE}
)
SELECT waiting.number AS waiting, deleted.number AS deleted, suspect.number AS suspects,
  CASE WHEN waiting.number + deleted.number + suspect.number < $3::bigint THEN 0 ELSE (
    SELECT count(*) FROM entry e WHERE e.pair_id = $1::int AND (e.sync_kind <> 0 OR ${deletedSince(2)})
  ) END AS names,
  NOT EXISTS (
    SELECT FROM entry e WHERE e.pair_id = $1::int AND e.sync_kind <> 0
      AND ${WAITS} IS NOT TRUE AND NOT (${SUSPECT} AND ${IS_DUE})
  ) AS is_emptied,
  EXISTS (
    SELECT FROM entry e WHERE e.pair_id = $1::int AND e.candidate_sides <> 0 AND e.decision_action IS NULL
      AND e.candidate_marking < waiting.last AND NOT ${WAITS_FOR_ATTEMPT}
  ) AS is_undecided
FROM waiting, deleted, suspect`;

interface CountRow {
  readonly waiting: bigint;
  readonly deleted: bigint;
  readonly suspects: bigint;
  readonly names: bigint;
  readonly is_emptied: boolean;
  readonly is_undecided: boolean;
}

export async function countDeletes(
  session: Session,
  pairId: number,
  { windowMs, names }: CountTerms,
): Promise<DeleteCounts> {
  const [row] = await session.query<CountRow>(COUNT, pairId, BigInt(windowMs), BigInt(names));
  return {
    waiting: Number(row?.waiting),
    deleted: Number(row?.deleted),
    suspects: Number(row?.suspects),
    names: Number(row?.names),
    isEmptied: row?.is_emptied === true,
    isUndecided: row?.is_undecided === true,
  };
}
