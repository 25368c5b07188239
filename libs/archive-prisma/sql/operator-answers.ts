/** What operators change beside the pairs: problems tried again, conflicts answered, and the account of who did what. */
import type { ConflictAnswer, OperatorAction, Page, RecordedAction } from '#ports/overview.ts';
import type { Session } from '../connection.ts';
import { pageOf } from './list-account.ts';

/** A pending decision is tried again at once, too: its time is the problem's next attempt. */
const retryWhere = (which: string): string => `
WITH marking AS MATERIALIZED (SELECT nextval('serial') AS number),
wanted AS MATERIALIZED (
  SELECT e.name FROM problem q JOIN entry e ON e.pair_id = q.pair_id AND e.name = q.name
  WHERE q.pair_id = $1::int AND ${which} ORDER BY e.name FOR UPDATE OF e
)
UPDATE entry e SET candidate_sides = e.candidate_sides | 3, candidate_marking = (SELECT number FROM marking), due_at = NULL
FROM wanted WHERE e.pair_id = $1::int AND e.name = wanted.name`;
const RETRY_NAMES = retryWhere('q.name = ANY($2::text[])');
const RETRY_CODE = retryWhere('($2::text IS NULL OR q.code = $2::text)');

export async function retryProblems(
  session: Session,
  pairId: number,
  which: { readonly names: readonly string[] } | { readonly code: string | null },
): Promise<number> {
  return 'names' in which
    ? session.execute(RETRY_NAMES, pairId, which.names)
    : session.execute(RETRY_CODE, pairId, which.code);
}

const ANSWER = `
INSERT INTO conflict_answer (history_id, answer, actor)
SELECT id, $2::text, $3::text FROM history WHERE id = $1::bigint ON CONFLICT DO NOTHING`;

export async function answerConflict(
  session: Session,
  id: bigint,
  answer: ConflictAnswer,
  actor: string,
): Promise<boolean> {
  return (await session.execute(ANSWER, id, answer, actor)) > 0;
}

const RECORD =
  'INSERT INTO operator_action (actor, verb, pair, text) VALUES ($1::text, $2::text, $3::text, $4::text)';

export async function recordAction(
  session: Session,
  { actor, verb, pair, text }: OperatorAction,
): Promise<void> {
  await session.execute(RECORD, actor, verb, pair, text);
}

export const ACTIONS = `
SELECT id, at, actor, verb, pair, text FROM operator_action
WHERE id < coalesce($1::bigint, 9223372036854775807) ORDER BY id DESC LIMIT $2::int`;

export async function pageActions(
  session: Session,
  before: bigint | null,
  limit: number,
): Promise<Page<RecordedAction>> {
  return pageOf(await session.query<RecordedAction>(ACTIONS, before, limit + 1), limit, (row) => row);
}
