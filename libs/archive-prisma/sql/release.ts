/** Releases decisions that were not carried out, by compare-and-set on the pending decision's serial (invariant 4). */
import type { Name } from '#core/name.ts';
import type { Release } from '#ports/archive.ts';
import { bulk, inNameOrder, laterOne } from '../bulk.ts';
import { planOnce, type Session } from '../connection.ts';

interface ReleaseRow {
  readonly name: string;
  readonly serial: bigint;
  readonly is_stale: boolean;
  /** Set when the decision stays pending until then. */
  readonly retry_at: Date | null;
  readonly counted: number;
  readonly problem_code: string | null;
  readonly problem_text: string | null;
}

const ROWS = bulk<ReleaseRow>({
  name: 'text',
  serial: 'bigint',
  is_stale: 'boolean',
  retry_at: 'timestamptz',
  counted: 'smallint',
  problem_code: 'text',
  problem_text: 'text',
});

const kept = (column: string, none: string): string =>
  `${column} = CASE WHEN given.retry_at IS NULL THEN ${none} ELSE e.${column} END`;

const RELEASE = planOnce(`
WITH marking AS MATERIALIZED (SELECT nextval('serial') AS number),
given AS MATERIALIZED (SELECT * FROM ${ROWS.source('given', 2)}),
locked AS MATERIALIZED (
  SELECT e.name, least(e.attempts + given.counted, 32767) AS attempts FROM entry e JOIN given ON e.name = given.name
  WHERE e.pair_id = $1::int AND e.name = ANY($2::text[]) AND e.decision_serial = given.serial AND e.decision_action IS NOT NULL
  ORDER BY e.name FOR UPDATE OF e
),
written AS (
  UPDATE entry e SET
    ${kept('decision_serial', '0')}, ${kept('decision_action', 'NULL')}, ${kept('decision_displaced', 'NULL')},
    ${kept('decision_turn', 'NULL')}, ${kept('decision_reason', 'NULL')},
    ${kept('decision_cleared', 'false')},
    attempts = CASE WHEN given.retry_at IS NULL THEN 0 ELSE locked.attempts END,
    candidate_sides = CASE WHEN given.is_stale THEN 3 ELSE e.candidate_sides END,
    candidate_marking = CASE WHEN given.is_stale THEN (SELECT number FROM marking) ELSE e.candidate_marking END,
    due_at = given.retry_at, held_until = NULL, held_by = NULL, updated_at = now()
  FROM given JOIN locked ON locked.name = given.name
  WHERE e.pair_id = $1::int AND e.name = ANY($2::text[]) AND e.name = given.name
  RETURNING e.name
),
opened AS (
  INSERT INTO problem AS p (pair_id, name, code, text, attempts, next_attempt_at)
  SELECT $1::int, given.name, given.problem_code, given.problem_text, locked.attempts, given.retry_at
  FROM given JOIN locked ON locked.name = given.name JOIN written ON written.name = given.name
  WHERE given.problem_code IS NOT NULL
  ORDER BY given.name
  ON CONFLICT (pair_id, name) DO UPDATE SET
    first_seen_at = CASE WHEN p.code = excluded.code THEN p.first_seen_at ELSE now() END,
    code = excluded.code, text = excluded.text, last_seen_at = now(), attempts = excluded.attempts,
    next_attempt_at = excluded.next_attempt_at
)
SELECT name FROM written`);

/** @returns the names released; the others are no longer pending under that serial. */
export async function release(
  session: Session,
  pairId: number,
  releases: readonly Release[],
): Promise<ReadonlySet<Name>> {
  const rows = inNameOrder(releases.map(releaseRow), laterOne);
  const written = await session.query<{ name: Name }>(RELEASE, pairId, ...ROWS.values(rows));
  return new Set(written.map(({ name }) => name));
}

function releaseRow({ name, serial, outcome }: Release): ReleaseRow {
  const retry = outcome.kind === 'retry' ? outcome : null;
  const problem = outcome.kind === 'stale' ? null : outcome.problem;
  return {
    name,
    serial,
    is_stale: outcome.kind === 'stale',
    retry_at: retry === null ? null : new Date(retry.at),
    counted: outcome.kind === 'refused' || retry?.counts === true ? 1 : 0,
    problem_code: problem?.code ?? null,
    problem_text: problem?.text ?? null,
  };
}
