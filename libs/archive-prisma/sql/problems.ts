/** Problems: one open row per name that cannot sync. */
import { createHash } from 'node:crypto';
import { FOUND_PROBLEMS } from '#core/found-problems.ts';
import type { Problem, ProblemText } from '#ports/archive.ts';
import type { Session } from '../connection.ts';

/** An index row holds no more than about 2,700 bytes; names that can be synced are far below. */
const MAX_SHOWN_BYTES = 2_000;

const OPEN = `
INSERT INTO problem AS p (pair_id, name, code, text)
SELECT $1::int, $2::text, $3::text, $4::text WHERE EXISTS (SELECT FROM pair WHERE id = $1::int)
ON CONFLICT (pair_id, name) DO UPDATE SET
  first_seen_at = CASE WHEN p.code = excluded.code THEN p.first_seen_at ELSE now() END,
  code = excluded.code, text = excluded.text, last_seen_at = now()`;

export async function openProblem(
  session: Session,
  pairId: number,
  shown: string,
  problem: ProblemText,
): Promise<void> {
  await session.execute(OPEN, pairId, storable(shown), problem.code, problem.text);
}

/** Shortened names stay apart by a digest of the whole. */
function storable(shown: string): string {
  if (Buffer.byteLength(shown) <= MAX_SHOWN_BYTES) return shown;
  const digest = createHash('md5').update(shown).digest('hex');
  return `${[...shown].slice(0, MAX_SHOWN_BYTES / 5).join('')}…${digest}`;
}

/** Condition on a problem `p` that goes when its name settles, or is synced: what a full look found goes with the next. */
export const ENDS_WITH_NAME = `p.code NOT IN (${[...FOUND_PROBLEMS].map((code) => `'${code}'`).join(', ')})`;

const CLOSE = `
DELETE FROM problem WHERE pair_id = $1::int AND code = ANY($2::text[]) AND last_seen_at < $3::timestamptz`;

export async function closeProblems(
  session: Session,
  pairId: number,
  codes: readonly string[],
  since: Date,
): Promise<void> {
  await session.execute(CLOSE, pairId, codes, since);
}

export async function time(session: Session): Promise<Date> {
  const [row] = await session.query<{ now: Date }>('SELECT now()');
  if (row === undefined) throw new Error('the database has no time');
  return row.now;
}

const PROBLEMS = `
SELECT pair_id, name, code, text, first_seen_at, last_seen_at, attempts, next_attempt_at FROM problem
WHERE $1::int IS NULL OR pair_id = $1::int ORDER BY pair_id, name`;

export interface ProblemRow {
  readonly pair_id: number;
  readonly name: string;
  readonly code: string;
  readonly text: string;
  readonly first_seen_at: Date;
  readonly last_seen_at: Date;
  readonly attempts: number;
  readonly next_attempt_at: Date | null;
}

export async function problems(
  session: Session,
  pairId: number | null,
): Promise<readonly (Problem & { readonly pairId: number })[]> {
  const rows = await session.query<ProblemRow>(PROBLEMS, pairId);
  return rows.map(problemOf);
}

export function problemOf(row: ProblemRow): Problem & { readonly pairId: number } {
  return {
    pairId: row.pair_id,
    name: row.name,
    code: row.code,
    text: row.text,
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
    attempts: row.attempts,
    nextAttemptAt: row.next_attempt_at,
  };
}
