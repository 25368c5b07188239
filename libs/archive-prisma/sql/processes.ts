/** Processes: each tells of itself every few seconds, and hears whether it is to drain. */
import type { ListedProcess, ProcessReport } from '#ports/overview.ts';
import type { Session } from '../connection.ts';

const REPORT = `
INSERT INTO process AS p (id, app, host, pid, version, volumes, started_at, concurrency, busy, holds, pairs, rss, loop_lag_ms)
VALUES ($1::text, $2::text, $3::text, $4::int, $5::text, $6::text[], $7::timestamptz, $8::int, $9::int, $10::int,
  $11::int[], $12::bigint, $13::int)
ON CONFLICT (id) DO UPDATE SET seen_at = now(), busy = excluded.busy, holds = excluded.holds, pairs = excluded.pairs,
  rss = excluded.rss, loop_lag_ms = excluded.loop_lag_ms
RETURNING drain_wanted`;

const FORGET_SILENT = `DELETE FROM process WHERE seen_at < now() - interval '10 minutes'`;

export async function report(session: Session, process: ProcessReport): Promise<boolean> {
  const { id, app, host, pid, version, volumes, startedAt, concurrency, busy, holds, pairs, rss, loopLagMs } =
    process;
  type Row = { readonly drain_wanted: boolean };
  const [row] = await session.query<Row>(
    REPORT,
    id,
    app,
    host,
    pid,
    version,
    volumes,
    startedAt,
    concurrency,
    busy,
    holds,
    pairs,
    BigInt(rss),
    loopLagMs,
  );
  await session.execute(FORGET_SILENT);
  return row?.drain_wanted === true;
}

export async function forgetProcess(session: Session, id: string): Promise<void> {
  await session.execute('DELETE FROM process WHERE id = $1::text', id);
}

const PROCESSES = `
SELECT p.*, ARRAY(SELECT name FROM pair WHERE id = ANY(p.pairs) ORDER BY name) AS pair_names
FROM process p ORDER BY p.app, p.started_at, p.id`;

export async function processes(session: Session): Promise<readonly ListedProcess[]> {
  type Row = {
    readonly id: string;
    readonly app: string;
    readonly host: string;
    readonly pid: number;
    readonly version: string;
    readonly volumes: string[];
    readonly started_at: Date;
    readonly seen_at: Date;
    readonly concurrency: number;
    readonly busy: number;
    readonly holds: number;
    readonly pairs: number[];
    readonly pair_names: string[];
    readonly rss: bigint;
    readonly loop_lag_ms: number;
    readonly drain_wanted: boolean;
  };
  const rows = await session.query<Row>(PROCESSES);
  return rows.map(({ started_at, seen_at, pair_names, loop_lag_ms, drain_wanted, rss, ...plain }) => ({
    ...plain,
    rss: Number(rss),
    startedAt: started_at,
    seenAt: seen_at,
    pairNames: pair_names,
    loopLagMs: loop_lag_ms,
    drainWanted: drain_wanted,
  }));
}

export async function wantDrain(session: Session, id: string): Promise<boolean> {
  const sql = 'UPDATE process SET drain_wanted = true WHERE id = $1::text';
  return (await session.execute(sql, id)) > 0;
}
