/** The condition of a pair: disabled or not, and which scans and polls are wanted. Each statement is its own compare-and-set. */
import type { ErrorCode } from '#ports/errors.ts';
import type { SyncTokens } from '#ports/registry.ts';
import type { Session } from '../connection.ts';

const DISABLE = `
UPDATE pair SET
  disabled_at = CASE WHEN disabled_code = $2::text THEN disabled_at ELSE now() END,
  disabled_code = $2::text, disabled_reason = $3::text, revision = revision + 1
WHERE id = $1::int AND (disabled_code IS DISTINCT FROM $2::text OR disabled_reason IS DISTINCT FROM $3::text)`;

export async function disablePair(
  session: Session,
  id: number,
  code: ErrorCode,
  reason: string,
): Promise<boolean> {
  return (await session.execute(DISABLE, id, code, reason)) > 0;
}

const ENABLE = `
UPDATE pair SET disabled_code = NULL, disabled_reason = NULL, disabled_at = NULL, revision = revision + 1,
  scan_wanted = scan_wanted + 1, poll_wanted = poll_wanted + 1
WHERE id = $1::int AND disabled_code IS NOT NULL`;

export async function enablePair(session: Session, id: number): Promise<boolean> {
  return (await session.execute(ENABLE, id)) > 0;
}

const REQUEST_SYNC = `
WITH locked AS MATERIALIZED (SELECT id FROM pair WHERE $1::int IS NULL OR id = $1::int ORDER BY id FOR UPDATE)
UPDATE pair p SET scan_wanted = p.scan_wanted + 1, poll_wanted = p.poll_wanted + 1
FROM locked WHERE p.id = locked.id
RETURNING p.id, p.scan_wanted AS scan, p.poll_wanted AS poll`;

/** @returns the tokens of the pair with the highest id; null when there is none. */
export async function requestSync(session: Session, id: number | null): Promise<SyncTokens | null> {
  type Row = SyncTokens & { readonly id: number };
  const rows = await session.query<Row>(REQUEST_SYNC, id);
  const last = rows.toSorted((a, b) => a.id - b.id).at(-1);
  return last === undefined ? null : { scan: last.scan, poll: last.poll };
}

/** A token never wanted is not believed: it would swallow requests to come. */
const finish = (what: 'scan' | 'poll'): string => `
UPDATE pair SET ${what}_done = greatest(${what}_done, least($2::bigint, ${what}_wanted)) WHERE id = $1::int`;
const FINISH_SCAN = finish('scan');
const FINISH_POLL = finish('poll');

export async function finishScan(session: Session, id: number, token: bigint): Promise<void> {
  await session.execute(FINISH_SCAN, id, token);
}

export async function finishPoll(session: Session, id: number, token: bigint): Promise<void> {
  await session.execute(FINISH_POLL, id, token);
}
