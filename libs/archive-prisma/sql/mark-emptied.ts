/**
 * Marks names that the last object below them held up. A directory that the store only
 * implies by objects below it (core/decide.ts, effectiveRemote) ends with the last of them,
 * and so does the standstill of an object with others below it; no listing or probe of
 * their own name would ever say so.
 */
import type { Session } from '../connection.ts';

const HELD_UP = '((e.remote_kind = 0 AND e.sync_kind = 2) OR (e.remote_kind = 1 AND e.local_kind = 2))';

/**
 * Waits for whoever removes another of the last objects, or is just taking the directory for
 * implied: the statement after this one then sees that, or theirs sees our removal, so that one
 * of the two finds the directory empty. A directory with an object of its own needs none of it.
 */
const LOCK = `
SELECT e.name FROM entry e
WHERE e.pair_id = $1::int AND e.remote_kind IN (0, 1)
  AND e.name IN (SELECT unnest(name_ancestors(gone)) FROM unnest($2::text[]) AS gone)
ORDER BY e.name FOR UPDATE`;

/**
 * @param order from which end to look for an object that is left: where removals begin at the
 * first name, what is left is at the end, and the other way round.
 */
const statement = (order: 'ASC' | 'DESC') => `
WITH marking AS MATERIALIZED (SELECT nextval('serial') AS number)
UPDATE entry e SET candidate_sides = e.candidate_sides | 2, candidate_marking = (SELECT number FROM marking)
WHERE e.pair_id = $1::int AND e.name = ANY($2::text[]) AND ${HELD_UP}
  AND (
    SELECT true FROM entry below
    WHERE below.pair_id = e.pair_id AND below.name > e.name || '/' AND below.name < e.name || '0'
      AND below.remote_kind <> 0
    ORDER BY below.name ${order} LIMIT 1
  ) IS NULL`;

const MARK_EMPTIED = { 'first-names-first': statement('DESC'), 'last-names-first': statement('ASC') };

/** @param gone names whose REMOTE state became absent in this transaction. */
export async function markEmptiedAbove(
  session: Session,
  pairId: number,
  gone: readonly string[],
  removed: keyof typeof MARK_EMPTIED,
): Promise<void> {
  const locked = await session.query<{ name: string }>(LOCK, pairId, gone);
  if (locked.length === 0) return;
  const names = locked.map(({ name }) => name);
  await session.execute(MARK_EMPTIED[removed], pairId, names);
}

/** @param names recorded in this transaction as held up by objects below, which may have ended since they were loaded. */
export async function markEmptied(session: Session, pairId: number, names: readonly string[]): Promise<void> {
  await session.execute(MARK_EMPTIED['first-names-first'], pairId, names);
}
