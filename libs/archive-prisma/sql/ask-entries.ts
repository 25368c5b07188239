/** Questions about the names above and below one: answered with yes, no, or which, from indexes alone. */
import type { Name } from '#core/name.ts';
import type { Session } from '../connection.ts';
import { pendingBelow } from './pending-below.ts';

const HAS_WORK_BELOW = `
SELECT EXISTS (SELECT FROM entry WHERE pair_id = $1::int AND candidate_sides <> 0 AND decision_action IS NULL
    AND name > $2::text || '/' AND name < $2::text || '0')
  OR ${pendingBelow('$2::text')} AS has_work`;

export async function hasWorkBelow(session: Session, pairId: number, name: Name): Promise<boolean> {
  const rows = await session.query<{ has_work: boolean }>(HAS_WORK_BELOW, pairId, name);
  return rows[0]?.has_work === true;
}

/** Differing from SYNC, or nothing that SYNC can hold: what a delete of the tree here does not take away upstream. */
const HAS_UPSTREAM_NEWS_BELOW = `
SELECT EXISTS (
  SELECT FROM entry
  WHERE pair_id = $1::int AND name > $2::text || '/' AND name < $2::text || '0' AND remote_kind <> 0
    AND (remote_kind <> sync_kind OR (remote_kind = 1 AND (remote_size <> sync_size OR remote_hash <> sync_hash)))
) AS has_news`;

export async function hasUpstreamNewsBelow(session: Session, pairId: number, name: Name): Promise<boolean> {
  const rows = await session.query<{ has_news: boolean }>(HAS_UPSTREAM_NEWS_BELOW, pairId, name);
  return rows[0]?.has_news === true;
}

const UPSTREAM_OBJECTS = `
SELECT name FROM entry WHERE pair_id = $1::int AND name = ANY($2::text[]) AND remote_kind IN (1, 3)`;

export async function upstreamObjects(
  session: Session,
  pairId: number,
  names: readonly Name[],
): Promise<ReadonlySet<Name>> {
  const rows = await session.query<{ name: Name }>(UPSTREAM_OBJECTS, pairId, names);
  return new Set(rows.map(({ name }) => name));
}
