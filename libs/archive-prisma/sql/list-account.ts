/** Lists what a pair's account holds, a page at a time by its own index: history, conflicts, problems, kept contents. */
import type { Name } from '#core/name.ts';
import type { RecordedHistoryEvent, TrashedContent } from '#ports/archive.ts';
import type {
  ConflictAnswer,
  HeldDecision,
  HistoryQuery,
  ListedConflict,
  ListedProblem,
  Page,
  ProblemsQuery,
} from '#ports/overview.ts';
import { ACTION, HISTORY_KIND, wordOf } from '../codes.ts';
import type { Session } from '../connection.ts';
import { type ProblemRow, problemOf } from './problems.ts';
import { type EventRow, toEvent } from './read-history.ts';
import { COLUMNS as KEPT_COLUMNS, type TrashRow, toTrashed } from './trash.ts';

export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => Item,
): Page<Item> {
  return { items: rows.slice(0, limit).map(toItem), hasMore: rows.length > limit };
}

/** Always a bound, so that one plan serves the first page and the next ones. */
const BEFORE = 'coalesce($2::bigint, 9223372036854775807)';
const EVENT = 'h.id, h.at, h.name, h.kind, h.side, h.serial, h.text';

/** Of one name, or of all: each has an index of its own, so each is a statement of its own. */
const historyWhere = (which: string): string => `
SELECT ${EVENT} FROM history h
WHERE h.pair_id = $1::int AND h.id < ${BEFORE} AND ${which}
ORDER BY h.id DESC LIMIT $3::int`;
export const HISTORY = historyWhere('true');
export const HISTORY_OF_NAME = historyWhere('h.name = $4::text');
export const OUTCOMES = historyWhere(`h.kind > ${HISTORY_KIND.decided}`);

export async function pageHistory(
  session: Session,
  pairId: number,
  { name, which, before, limit }: HistoryQuery,
): Promise<Page<RecordedHistoryEvent>> {
  const rows =
    name !== null
      ? await session.query<EventRow>(HISTORY_OF_NAME, pairId, before, limit + 1, name)
      : await session.query<EventRow>(which === 'all' ? HISTORY : OUTCOMES, pairId, before, limit + 1);
  return pageOf(rows, limit, toEvent);
}

/** The planner cannot choose an index for "this pair or all", so these are statements of their own. */
const problemsWhere = (which: string, order: string): string => `
SELECT q.pair_id, (SELECT p.name FROM pair p WHERE p.id = q.pair_id) AS pair, q.name, q.code, q.text, q.first_seen_at, q.last_seen_at, q.attempts, q.next_attempt_at
FROM problem q
WHERE ${which} AND (q.pair_id, q.name) > (coalesce($2::int, 0), coalesce($3::text, ''))
ORDER BY ${order} LIMIT $4::int`;
export const PROBLEMS = {
  all: problemsWhere('$1::int IS NULL', 'q.pair_id, q.name'),
  ofPair: problemsWhere('q.pair_id = $1::int', 'q.pair_id, q.name'),
  withCode: problemsWhere('$1::int IS NULL AND q.code = $5::text', 'q.code, q.pair_id, q.name'),
  ofPairWithCode: problemsWhere('q.pair_id = $1::int AND q.code = $5::text', 'q.code, q.pair_id, q.name'),
} as const;

type ListedProblemRow = ProblemRow & { readonly pair: string };

export async function pageProblems(
  session: Session,
  { pairId, code, after, limit }: ProblemsQuery,
): Promise<Page<ListedProblem>> {
  const from = [pairId, after?.pairId ?? null, after?.name ?? null, limit + 1] as const;
  const [all, coded] =
    pairId === null ? [PROBLEMS.all, PROBLEMS.withCode] : [PROBLEMS.ofPair, PROBLEMS.ofPairWithCode];
  const rows =
    code === null
      ? await session.query<ListedProblemRow>(all, ...from)
      : await session.query<ListedProblemRow>(coded, ...from, code);
  return pageOf(rows, limit, (row) => ({ pair: row.pair, ...problemOf(row) }));
}

export const PROBLEM_CODES = `
SELECT code, count(*) AS problems FROM problem
WHERE $1::int IS NULL OR pair_id = $1::int GROUP BY code ORDER BY code`;

export async function problemCodes(
  session: Session,
  pairId: number | null,
): Promise<readonly { readonly code: string; readonly problems: number }[]> {
  type Row = { readonly code: string; readonly problems: bigint };
  const rows = await session.query<Row>(PROBLEM_CODES, pairId);
  return rows.map(({ code, problems }) => ({ code, problems: Number(problems) }));
}

const conflictsWhere = (which: string): string => `
SELECT ${EVENT}, a.answer, a.actor, a.at AS answered_at
FROM history h LEFT JOIN conflict_answer a ON a.history_id = h.id
WHERE h.pair_id = $1::int AND h.kind = ${HISTORY_KIND.conflict} AND ${which}
ORDER BY h.id DESC LIMIT $3::int`;
export const CONFLICTS = conflictsWhere(`h.id < ${BEFORE}`);
const CONFLICT = conflictsWhere('h.id = $2::bigint');

type ConflictRow = EventRow & {
  readonly answer: ConflictAnswer | null;
  readonly actor: string | null;
  readonly answered_at: Date | null;
};

export async function pageConflicts(
  session: Session,
  pairId: number,
  before: bigint | null,
  limit: number,
): Promise<Page<ListedConflict>> {
  return pageOf(await session.query<ConflictRow>(CONFLICTS, pairId, before, limit + 1), limit, toConflict);
}

export async function findConflict(
  session: Session,
  pairId: number,
  id: bigint,
): Promise<ListedConflict | null> {
  const [row] = await session.query<ConflictRow>(CONFLICT, pairId, id, 1);
  return row === undefined ? null : toConflict(row);
}

function toConflict(row: ConflictRow): ListedConflict {
  const { answer, actor, answered_at: at } = row;
  return {
    event: toEvent(row),
    answer: answer === null ? null : { answer, actor: actor as string, at: at as Date },
  };
}

export const KEPT = `
SELECT ${KEPT_COLUMNS} FROM recovery_pointer r
WHERE r.pair_id = $1::int AND (r.displaced_at, r.id) < (
    coalesce((SELECT displaced_at FROM recovery_pointer WHERE id = $2::bigint), 'infinity'), ${BEFORE}
  ) AND r.expires_at > now()
ORDER BY r.displaced_at DESC, r.id DESC LIMIT $3::int`;

export async function pageKept(
  session: Session,
  pairId: number,
  before: bigint | null,
  limit: number,
): Promise<Page<TrashedContent>> {
  return pageOf(await session.query<TrashRow>(KEPT, pairId, before, limit + 1), limit, toTrashed);
}

export const HELD = `
SELECT e.name, e.decision_action, coalesce(CASE e.decision_action WHEN 1 THEN e.local_size WHEN 2 THEN e.remote_size END, 0) AS size
FROM entry e WHERE e.pair_id = $1::int AND e.held_until IS NOT NULL AND e.held_by IS NOT NULL LIMIT $2::int`;

export async function heldDecisions(
  session: Session,
  pairId: number,
  limit: number,
): Promise<readonly HeldDecision[]> {
  type Row = { readonly name: string; readonly decision_action: number; readonly size: bigint };
  const rows = await session.query<Row>(HELD, pairId, limit);
  return rows.map(({ name, decision_action, size }) => ({
    name: name as Name,
    action: wordOf(ACTION, decision_action),
    size: Number(size),
  }));
}
