/** Limits on PostgreSQL: what operators set. Read once a second by every process that works on stores, in one statement. */
import { HoldfastError } from '#ports/errors.ts';
import type { LimitBook, LimitRule, LimitScope } from '#ports/limits.ts';
import type { Connection, Session } from '../connection.ts';

export function createLimitBook({ pool, guard }: Connection): LimitBook {
  return {
    read: () => guard(() => read(pool)),
    set: (rule) => guard(() => set(pool, rule)),
    clear: (scope, timetable) => guard(() => clear(pool, scope, timetable)),
  };
}

/** A process that says nothing for longer shares no limit. */
const READ = `
SELECT l.store_id, l.pair_id, l.timetable, l.bytes_per_second, l.requests_per_second, p.processes
FROM (SELECT count(*)::int AS processes FROM process
  WHERE app IN ('poller', 'decider', 'transfer') AND seen_at > now() - interval '10 seconds') p
LEFT JOIN rate_limit l ON true
ORDER BY coalesce(l.pair_id, 0), coalesce(l.store_id, 0), coalesce(l.timetable, '') COLLATE "C"`;

async function read(session: Session): ReturnType<LimitBook['read']> {
  type Row = {
    readonly store_id: number | null;
    readonly pair_id: number | null;
    readonly timetable: string | null;
    readonly bytes_per_second: number | null;
    readonly requests_per_second: number | null;
    readonly processes: number;
  };
  const rows = await session.query<Row>(READ);
  const rules = rows
    .map(
      (row): LimitRule => ({
        storeId: row.store_id,
        pairId: row.pair_id,
        timetable: row.timetable,
        bytesPerSecond: row.bytes_per_second,
        requestsPerSecond: row.requests_per_second,
      }),
    )
    // Without any rule there is one row, which tells the processes alone.
    .filter((rule) => rule.bytesPerSecond !== null || rule.requestsPerSecond !== null);
  return { rules, processes: rows[0]?.processes ?? 0 };
}

const SET = `
INSERT INTO rate_limit (store_id, pair_id, timetable, bytes_per_second, requests_per_second)
SELECT $1::int, $2::int, $3::text, $4::float8, $5::float8
WHERE ($1::int IS NULL OR EXISTS (SELECT FROM store WHERE id = $1::int))
  AND ($2::int IS NULL OR EXISTS (SELECT FROM pair WHERE id = $2::int))
ON CONFLICT (coalesce(store_id, 0), coalesce(pair_id, 0), coalesce(timetable, '')) DO UPDATE
SET bytes_per_second = excluded.bytes_per_second, requests_per_second = excluded.requests_per_second`;

async function set(session: Session, rule: LimitRule): Promise<void> {
  const { storeId, pairId, timetable, bytesPerSecond, requestsPerSecond } = rule;
  const rows = await session.execute(SET, storeId, pairId, timetable, bytesPerSecond, requestsPerSecond);
  if (rows === 0)
    throw new HoldfastError('not-found', 'what the limit was for is gone; holdfast limit show lists all');
}

const CLEAR = `
DELETE FROM rate_limit WHERE store_id IS NOT DISTINCT FROM $1::int AND pair_id IS NOT DISTINCT FROM $2::int
  AND ($3::text IS NULL OR timetable = $3::text)`;

function clear(session: Session, { storeId, pairId }: LimitScope, timetable: string | null): Promise<number> {
  return session.execute(CLEAR, storeId, pairId, timetable);
}
