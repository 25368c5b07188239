/**
 * Lists pairs: a page in order of names, or some by name, each with the condition and the size
 * of its backlog. All of it comes from the partial indexes of what is to be done, and no count
 * goes further than a page can show.
 */
import type { PairCondition } from '#ports/operator.ts';
import {
  COUNTED_UP_TO,
  type FleetTotals,
  type ListedPair,
  type Page,
  type PairsQuery,
} from '#ports/overview.ts';
import type { Session } from '../connection.ts';
import { MAY_GO, WAITS, WAITS_FOR_ATTEMPT } from './delete-gate.ts';

/** As `PairCounts`: what failed three times and has a problem keeps no pair from being quiet. */
const MOVES = 'e.attempts < 3';

const CANDIDATES = `FROM entry e WHERE e.pair_id = p.id AND e.candidate_sides <> 0 AND e.decision_action IS NULL AND NOT ${WAITS_FOR_ATTEMPT}`;
const CREATIONS = `FROM entry e WHERE e.pair_id = p.id AND e.held_until IS NULL AND e.decision_turn <= 4 AND ${MAY_GO} AND ${MOVES}`;
const REMOVALS = `FROM entry e WHERE e.pair_id = p.id AND e.held_until IS NULL AND e.decision_turn >= 5 AND e.decision_cleared AND ${MOVES}`;
const OUT = `FROM entry e WHERE e.pair_id = p.id AND e.held_until IS NOT NULL AND ${MOVES}`;
const WAITING = `FROM entry e WHERE e.pair_id = p.id AND ${WAITS}`;

/** Asked for each pair by itself: as EXISTS the planner may read all entries instead. */
const any = (from: string): string => `coalesce((SELECT true ${from} LIMIT 1), false)`;

const CONDITION = `CASE
  WHEN p.disabled_code IS NOT NULL THEN 'disabled'
  WHEN p.paused THEN 'paused'
  WHEN p.scan_done = 0 OR p.poll_done = 0 THEN 'starting'
  WHEN p.scan_done < p.scan_wanted OR p.poll_done < p.poll_wanted
    OR ${any(CANDIDATES)} OR ${any(CREATIONS)} OR ${any(REMOVALS)} OR ${any(OUT)} THEN 'syncing'
  WHEN ${any(WAITING)} THEN CASE WHEN p.deletes_held_since IS NULL THEN 'syncing' ELSE 'deletes-held' END
  ELSE 'in-sync' END`;

/** What the pair's own row tells: most pairs are passed over by it, without a look at their entries. */
const MAY_BE = `CASE $3::text
  WHEN 'disabled' THEN p.disabled_code IS NOT NULL WHEN 'paused' THEN p.paused
  WHEN 'deletes-held' THEN p.deletes_held_since IS NOT NULL ELSE true END`;

const upTo = (from: string): string =>
  `(SELECT count(*) FROM (SELECT ${from} LIMIT ${COUNTED_UP_TO}) AS first)`;

/** What is shown of the pairs that `chosen` gives, in order of names. */
const shown = (chosen: string): string => `
WITH chosen AS MATERIALIZED (${chosen})
SELECT p.id, p.name, ${CONDITION} AS condition, p.folder, p.volume, s.name AS store, p.container,
  p.disabled_code, p.disabled_reason, p.disabled_at,
  ${upTo(CANDIDATES)} + ${upTo(CREATIONS)} + ${upTo(REMOVALS)} + ${upTo(OUT)} AS to_do,
  (SELECT count(*) FROM (SELECT FROM problem q WHERE q.pair_id = p.id LIMIT ${COUNTED_UP_TO}) AS first) AS problems,
  ${upTo(WAITING)} AS held_deletes,
  (SELECT min(seen_at) FROM (
    (SELECT e.seen_at ${CANDIDATES} LIMIT ${COUNTED_UP_TO}) UNION ALL (SELECT e.seen_at ${CREATIONS} LIMIT ${COUNTED_UP_TO})
    UNION ALL (SELECT e.seen_at ${REMOVALS} LIMIT ${COUNTED_UP_TO}) UNION ALL (SELECT e.seen_at ${OUT} LIMIT ${COUNTED_UP_TO})
  ) AS first) AS oldest_change_at
FROM chosen p JOIN store s ON s.id = p.store_id
ORDER BY p.name`;

export const PAGE_PAIRS = shown(`
  SELECT p.* FROM pair p
  WHERE p.name > coalesce($1::text, '')
    AND ($2::text = '' OR strpos(lower(p.name), lower($2::text)) > 0)
    AND ${MAY_BE} AND ($3::text IS NULL OR ${CONDITION} = $3::text)
    AND (NOT $4::boolean OR ${any('FROM problem q WHERE q.pair_id = p.id')})
  ORDER BY p.name LIMIT $5::int`);

export const LISTED_PAIRS = shown('SELECT p.* FROM pair p WHERE p.name = ANY($1::text[])');

interface PairRow {
  readonly id: number;
  readonly name: string;
  readonly condition: PairCondition;
  readonly folder: string;
  readonly volume: string;
  readonly store: string;
  readonly container: string;
  readonly disabled_code: string | null;
  readonly disabled_reason: string | null;
  readonly disabled_at: Date | null;
  readonly to_do: bigint;
  readonly problems: bigint;
  readonly held_deletes: bigint;
  readonly oldest_change_at: Date | null;
}

export async function pagePairs(session: Session, query: PairsQuery): Promise<Page<ListedPair>> {
  const { search, condition, withProblems, after, limit } = query;
  const rows = await session.query<PairRow>(PAGE_PAIRS, after, search, condition, withProblems, limit + 1);
  return { items: rows.slice(0, limit).map(toListed), hasMore: rows.length > limit };
}

export async function listedPairs(
  session: Session,
  names: readonly string[],
): Promise<readonly ListedPair[]> {
  return (await session.query<PairRow>(LISTED_PAIRS, names)).map(toListed);
}

function toListed(row: PairRow): ListedPair {
  const { id, name, condition, folder, volume, store, container } = row;
  return {
    id,
    name,
    condition,
    folder,
    volume,
    store,
    container,
    disabled:
      row.disabled_code === null
        ? null
        : {
            code: row.disabled_code,
            reason: row.disabled_reason as string,
            at: row.disabled_at as Date,
          },
    toDo: Number(row.to_do),
    problems: Number(row.problems),
    heldDeletes: Number(row.held_deletes),
    oldestChangeAt: row.oldest_change_at,
  };
}

export const TOTALS = `
SELECT condition, count(*) AS pairs, (SELECT count(*) FROM problem) AS problems
FROM (SELECT ${CONDITION} AS condition FROM pair p) each GROUP BY condition`;

const NO_PAIRS: Readonly<Record<PairCondition, number>> = {
  'in-sync': 0,
  syncing: 0,
  'deletes-held': 0,
  paused: 0,
  disabled: 0,
  starting: 0,
};

export async function totals(session: Session): Promise<FleetTotals> {
  type Row = { readonly condition: PairCondition; readonly pairs: bigint; readonly problems: bigint };
  const rows = await session.query<Row>(TOTALS);
  const conditions = { ...NO_PAIRS };
  for (const { condition, pairs } of rows) conditions[condition] = Number(pairs);
  return {
    conditions,
    pairs: Object.values(conditions).reduce((sum, pairs) => sum + pairs, 0),
    problems: Number(rows[0]?.problems ?? 0),
  };
}
