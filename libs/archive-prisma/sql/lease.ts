/**
 * Leases: who scans and watches which pair. On each volume every seeker may hold its equal
 * share, rounded up. What it holds beyond that it gives back when it renews, so that the
 * load evens out as soon as everybody renewed once and the newcomer asks again. A lease is
 * written again only after a third of its time: a watcher of thousands of pairs asks every
 * second, and whatever else is said of a pair waits for its row.
 */
import type { Session } from '../connection.ts';

const SEEK = `
INSERT INTO lease_seeker (owner, volume, expires_at)
SELECT $1::text, volume, now() + $3::bigint * interval '1 millisecond' FROM unnest($2::text[]) AS given(volume)
ORDER BY volume
ON CONFLICT (owner, volume) DO UPDATE SET expires_at = excluded.expires_at`;

/** The part of its time that a lease has left when it is renewed. */
const RENEWED_BELOW = 2 / 3;

const FORGET_SEEKERS = `
DELETE FROM lease_seeker WHERE (owner, volume) IN (
  SELECT owner, volume FROM lease_seeker WHERE expires_at <= now() - interval '1 minute'
  ORDER BY owner, volume FOR UPDATE SKIP LOCKED
)`;

/** All that changes of a pair without its revision. */
const MARKED = [
  'revision',
  'scan_wanted',
  'scan_done',
  'poll_wanted',
  'poll_done',
  'generation',
  'generation_serial',
  'local_generation',
  'local_stamp',
  'remote_generation',
];

/**
 * Own leases that are written are waited for, since skipping one would look as if it were lost; free ones that
 * somebody else is just taking are skipped.
 */
const LEASE = `
WITH share AS (
  SELECT volume, ceil(count(*)::numeric / (
    SELECT count(*) FROM lease_seeker s WHERE s.volume = p.volume AND s.expires_at > now()
  )) AS pairs
  FROM pair p WHERE volume = ANY($2::text[]) GROUP BY volume
),
ranked AS (
  SELECT p.id, p.volume, p.lease_owner IS NOT DISTINCT FROM $1::text AS is_mine,
    p.lease_expires_at > now() + $3::bigint * ${RENEWED_BELOW} * interval '1 millisecond' AS is_fresh,
    row_number() OVER (PARTITION BY p.volume ORDER BY (p.lease_owner IS NOT DISTINCT FROM $1::text) DESC, p.id) AS place
  FROM pair p
  WHERE p.volume = ANY($2::text[])
    AND (p.lease_owner IS NULL OR p.lease_owner = $1::text OR p.lease_expires_at <= now())
),
wanted AS (
  SELECT ranked.id, ranked.is_mine, ranked.is_mine AND ranked.is_fresh AS stays
  FROM ranked JOIN share USING (volume) WHERE ranked.place <= share.pairs
),
free AS MATERIALIZED (
  SELECT p.id FROM pair p
  WHERE p.id IN (SELECT id FROM wanted WHERE NOT is_mine) AND (p.lease_owner IS NULL OR p.lease_expires_at <= now())
  ORDER BY p.id FOR UPDATE OF p SKIP LOCKED
),
mine AS MATERIALIZED (
  SELECT p.id FROM pair p WHERE p.volume = ANY($2::text[]) AND p.lease_owner = $1::text
    AND p.id NOT IN (SELECT id FROM wanted WHERE stays)
  ORDER BY p.id FOR UPDATE OF p
),
written AS (
  UPDATE pair p SET
    lease_owner = CASE WHEN p.id IN (SELECT id FROM wanted) THEN $1::text END,
    lease_expires_at = CASE WHEN p.id IN (SELECT id FROM wanted) THEN now() + $3::bigint * interval '1 millisecond' END
  WHERE p.id IN (SELECT id FROM free UNION ALL SELECT id FROM mine)
  RETURNING p.id, p.lease_owner
)
SELECT p.id, concat_ws(' ', ${MARKED.map((column) => `p.${column}`).join(', ')}, s.xmin) AS mark
FROM pair p JOIN store s ON s.id = p.store_id
WHERE p.id IN (SELECT id FROM written WHERE lease_owner IS NOT NULL UNION ALL SELECT id FROM wanted WHERE stays)`;

export interface Held {
  readonly id: number;
  /** Another one as soon as anything of the pair changed that `pairsOf` tells. */
  readonly mark: string;
}

/** Runs as one transaction. @returns the pairs held afterwards. */
export async function lease(
  session: Session,
  owner: string,
  volumes: readonly string[],
  ttlMs: number,
): Promise<readonly Held[]> {
  const given = [owner, [...new Set(volumes)].sort(), BigInt(ttlMs)] as const;
  await session.execute(SEEK, ...given);
  await session.execute(FORGET_SEEKERS);
  return session.query<Held>(LEASE, ...given);
}

const RELEASE = `
UPDATE pair SET lease_owner = NULL, lease_expires_at = NULL
WHERE id IN (SELECT id FROM pair WHERE lease_owner = $1::text ORDER BY id FOR UPDATE)`;

/** Runs as one transaction. */
export async function releaseLeases(session: Session, owner: string): Promise<void> {
  await session.execute('DELETE FROM lease_seeker WHERE owner = $1::text', owner);
  await session.execute(RELEASE, owner);
}

const LEASES = `
SELECT lease_owner AS owner, count(*) AS pairs FROM pair WHERE lease_expires_at > now() GROUP BY lease_owner ORDER BY 1`;

export async function leases(session: Session): Promise<ReadonlyMap<string, number>> {
  const rows = await session.query<{ owner: string; pairs: bigint }>(LEASES);
  return new Map(rows.map(({ owner, pairs }) => [owner, Number(pairs)]));
}
