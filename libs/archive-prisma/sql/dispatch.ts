/**
 * Dispatch: takes pending decisions for the queue in an order that lets none of them run
 * into another (core/turn.ts says who waits for whom, and why that has no cycle).
 *
 * Creations are walked forwards in byte order and removals backwards, one index probe a
 * step. What is out already is in neither index. Where an ancestor must come first, the walk
 * jumps over everything below it. Either stops when the window is full, so a call costs what
 * it takes and not what is pending.
 */
import { compareNames, type Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import { TURN } from '#core/turn.ts';
import { refillRoom } from '#core/window.ts';
import type { DispatchedDecision } from '#ports/archive.ts';
import { ACTION, KIND, wordOf } from '../codes.ts';
import { planOnce, type Session } from '../connection.ts';
import { MAY_GO } from './delete-gate.ts';
import { pendingBelow } from './pending-below.ts';

/** Two calls for one pair at once would both fill the window; the second waits and then sees what the first took. */
const LOCK_CLASS = 7_041;
export const SERIALIZE = `SELECT pg_advisory_xact_lock(${LOCK_CLASS}, $1::int)::text`;

const TAKEABLE = `e.held_until IS NULL AND (e.due_at IS NULL OR e.due_at <= now()) AND ${MAY_GO}`;

interface Walk {
  readonly from: string;
  readonly next: string;
  readonly pending: string;
  /** The highest turn of an ancestor that is waited for. */
  readonly waitsFor: number;
  /** The turn that also waits for everything below. */
  readonly clears: number;
  readonly afterName: string;
  readonly afterBlocker: string;
}

/** Names hold no control characters, so chr(1) leads to the next name; what is below `a` lies between `a/` and `a0`. */
const FORWARDS: Walk = {
  from: `''`,
  next: 'name >= walk.bound ORDER BY name',
  pending: 'decision_turn <= 4',
  waitsFor: TURN.leads,
  clears: TURN['replaces-tree'],
  afterName: 'step.name || chr(1)',
  afterBlocker: `step.blocker || '0'`,
};

/** Starts above every name: 257 times the last character is longer than the 1,024 bytes of a name. */
const BACKWARDS: Walk = {
  from: 'repeat(chr(1114111), 257)',
  next: 'name < walk.bound ORDER BY name DESC',
  // Those that wait at the gate are not even stepped over: there may be as many as there are names.
  pending: 'decision_turn >= 5 AND decision_cleared',
  waitsFor: TURN['moves-aside'],
  clears: TURN['removes-tree'],
  afterName: 'step.name',
  afterBlocker: `step.blocker || '/'`,
};

/** Columns: name, whether it may be taken, where the next step starts, how many were taken up to here. */
const walk = ({ from, next, pending, waitsFor, clears, afterName, afterBlocker }: Walk): string => `
  SELECT NULL::text COLLATE "C" AS name, false AS is_taken, ${from} COLLATE "C" AS bound, 0 AS taken
  UNION ALL
  SELECT step.name, step.is_takeable, CASE WHEN step.blocker IS NULL THEN ${afterName} ELSE ${afterBlocker} END,
    walk.taken + step.is_takeable::int
  FROM walk CROSS JOIN LATERAL (
    SELECT e.name, above.name AS blocker,
      above.name IS NULL AND ${TAKEABLE} AND (e.decision_turn <> ${clears} OR NOT ${pendingBelow('e.name')}) AS is_takeable
    FROM (SELECT * FROM entry WHERE pair_id = $1::int AND held_until IS NULL AND ${pending} AND ${next} LIMIT 1) e
    LEFT JOIN LATERAL (
      SELECT a.name FROM entry a
      WHERE a.pair_id = $1::int AND a.decision_turn <= 4 AND a.decision_turn <= ${waitsFor}
        AND a.name = ANY(name_ancestors(e.name))
      ORDER BY a.name LIMIT 1
    ) above ON true
  ) step
  WHERE walk.taken < (SELECT free FROM room)`;

export const DISPATCH = planOnce(`
WITH room AS MATERIALIZED (
  SELECT greatest($2::int - count(*), 0)::int AS free,
    count(*) FILTER (WHERE decision_turn <= 4) AS creations, count(*) FILTER (WHERE decision_turn >= 5) AS removals
  FROM entry
  WHERE pair_id = $1::int AND held_until IS NOT NULL AND held_until > now()
),
creations AS (WITH RECURSIVE walk AS (${walk(FORWARDS)}) SELECT name FROM walk WHERE is_taken),
removals AS (WITH RECURSIVE walk AS (${walk(BACKWARDS)}) SELECT name FROM walk WHERE is_taken),
-- Three creations to one removal while there are both, what is out already included: neither backlog
-- starves the other, not even where room comes up one at a time.
ranked AS (
  SELECT name, room.creations + row_number() OVER (ORDER BY name) AS share, false AS is_removal
  FROM creations CROSS JOIN room
  UNION ALL
  SELECT name, 3 * (room.removals + row_number() OVER (ORDER BY name DESC)), true FROM removals CROSS JOIN room
),
chosen AS (SELECT name FROM ranked ORDER BY share, is_removal DESC LIMIT (SELECT free FROM room)),
locked AS MATERIALIZED (
  SELECT e.name FROM entry e
  WHERE e.pair_id = $1::int AND e.name IN (SELECT name FROM chosen) AND ${TAKEABLE}
  ORDER BY e.name FOR UPDATE OF e SKIP LOCKED
)
UPDATE entry e SET held_until = now() + $3::bigint * interval '1 millisecond', held_by = NULL
FROM locked WHERE e.pair_id = $1::int AND e.name = locked.name
RETURNING e.name, e.decision_serial, e.decision_action, e.decision_turn,
  CASE
    WHEN e.decision_action = ${ACTION.upload} AND e.local_kind = ${KIND.file} THEN e.local_size
    WHEN e.decision_action = ${ACTION.download} AND e.remote_kind = ${KIND.file} THEN e.remote_size
    ELSE 0
  END AS size`);

/** How many decisions of the pair are out, how many of these for too long, and whether any others are pending. */
const ROOM = planOnce(`
SELECT count(*)::int AS held, (count(*) FILTER (WHERE held_until <= now()))::int AS ended,
  EXISTS (SELECT FROM entry WHERE pair_id = $1::int AND held_until IS NULL AND ${FORWARDS.pending})
    OR EXISTS (SELECT FROM entry WHERE pair_id = $1::int AND held_until IS NULL AND ${BACKWARDS.pending}) AS is_pending
FROM entry
WHERE pair_id = $1::int AND held_until IS NOT NULL`);

const END_HOLDS = planOnce(`
WITH locked AS MATERIALIZED (
  SELECT name FROM entry WHERE pair_id = $1::int AND held_until IS NOT NULL AND held_until <= now()
  ORDER BY name FOR UPDATE SKIP LOCKED
)
UPDATE entry e SET held_until = NULL, held_by = NULL FROM locked WHERE e.pair_id = $1::int AND e.name = locked.name`);

interface RoomRow {
  readonly held: number;
  readonly ended: number;
  readonly is_pending: boolean;
}

interface DispatchRow {
  readonly name: string;
  readonly decision_serial: bigint;
  readonly decision_action: number;
  readonly decision_turn: number;
  readonly size: bigint;
}

/**
 * Whether there is anything to take, and room for it. Asked before a transaction and its lock are taken, because every
 * worker asks after every job, mostly in vain.
 */
export async function mayDispatch(session: Session, pairId: number, window: number): Promise<boolean> {
  return hasRoom(await roomOf(session, pairId), window);
}

async function roomOf(session: Session, pairId: number): Promise<RoomRow> {
  const [room] = await session.query<RoomRow>(ROOM, pairId);
  return room as RoomRow;
}

function hasRoom({ held, ended, is_pending }: RoomRow, window: number): boolean {
  return (is_pending || ended > 0) && window - (held - ended) >= refillRoom(window);
}

/** Runs inside a transaction of its own: the lock ends with it. */
export async function dispatch(
  session: Session,
  pairId: number,
  window: number,
  holdMs: number,
): Promise<readonly DispatchedDecision[]> {
  await session.query(SERIALIZE, pairId);
  // Those that waited for the lock mostly find that another filled the window.
  const room = await roomOf(session, pairId);
  if (!hasRoom(room, window)) return [];
  if (room.ended > 0) await session.execute(END_HOLDS, pairId);
  const rows = await session.query<DispatchRow>(DISPATCH, pairId, window, BigInt(holdMs));
  return inRunningOrder(rows).map((row) => ({
    name: row.name as Name,
    serial: row.decision_serial as Serial,
    action: wordOf(ACTION, row.decision_action),
    size: Number(row.size),
  }));
}

/** Creations forwards, then removals backwards. */
function inRunningOrder(rows: readonly DispatchRow[]): readonly DispatchRow[] {
  const isRemoval = (row: DispatchRow): boolean => row.decision_turn >= TURN.removes;
  const forwards = rows.toSorted((a, b) => compareNames(a.name, b.name));
  return [...forwards.filter((row) => !isRemoval(row)), ...forwards.filter(isRemoval).reverse()];
}
