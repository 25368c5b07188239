/** Dispatch on a real PostgreSQL: its promises, and that it costs what it takes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import { DISPATCH, SERIALIZE } from '#libs/archive-prisma/sql/dispatch.ts';
import { describeDispatch } from '#test/conformance/archive-dispatch.ts';
import { give, localFile } from '#test/conformance/archive-fixtures.ts';
import { openFixture, query } from './fixtures.ts';

const HOLD_MS = 60_000;

describeDispatch(openFixture);

test('a dispatch waits for one that is under way and counts what it took', async (t) => {
  const fixture = await openFixture(t);
  const { archive, url, pair } = fixture;
  const upload = { local: localFile(1), decision: ['upload'] } as const;
  await give(fixture, { a: upload, b: upload, c: upload });
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  await other.query('BEGIN');
  await other.query(SERIALIZE, [pair.id]);
  await other.query(`UPDATE entry SET held_until = now() + interval '1 minute' WHERE name IN ('b', 'c')`);
  const waiting = archive.dispatch(pair.id, 2, HOLD_MS);
  const isWaiting = `SELECT count(*)::int AS waiting FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  const blocked = (async () => {
    while ((await query(url, isWaiting, []))[0]?.['waiting'] === 0) await setImmediate();
    return 'blocked';
  })();
  const first = await Promise.race([waiting, blocked]);
  await other.query('COMMIT');
  await other.end();
  assert.deepEqual([first, await waiting], ['blocked', []]);
});

interface Plan {
  readonly 'Node Type': string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly Plan[];
}

/** Rows of the table that a plan touched, in all loops. */
function rowsTouched(plan: Plan): number {
  const own =
    plan['Relation Name'] === undefined ? 0 : plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0);
  const below = (plan.Plans ?? []).reduce((sum, each) => sum + rowsTouched(each), 0);
  return own * plan['Actual Loops'] + below;
}

for (const [title, rows, taken] of [
  ['uploads', `'d' || i % 100 || '/f' || i, 3, 1, false`, 50],
  [
    'downloads below directories that come first',
    `CASE WHEN i <= 100 THEN 'd' || i ELSE 'd' || i % 100 + 1 || '/f' || i END, 2, 2, false`,
    50,
  ],
  ['removals', `'d' || i % 100 || '/f' || i, 5, 4, true`, 50],
  ['removals that wait at the gate', `'d' || i % 100 || '/f' || i, 5, 4, i % 10000 = 0`, 10],
] as const) {
  test(`of 100,000 pending ${title} a dispatch touches only about what it takes`, async (t) => {
    const { url, pair, archive } = await openFixture(t);
    const fill = `INSERT INTO entry (pair_id, name, decision_turn, decision_action, decision_cleared, decision_displaced, decision_reason, decision_serial)
      SELECT ${pair.id}, ${rows}, 0, 'x', i FROM generate_series(1, 100000) AS i`;
    await query(url, fill, []);
    await query(url, 'ANALYZE entry', []);
    const sql = DISPATCH.text.replaceAll('$1', String(pair.id)).replaceAll('$2', '256').replaceAll('$3', '0');
    const explained = await query(url, `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`, []);
    const [explanation = assert.fail()] = (explained[0]?.['QUERY PLAN'] ?? []) as { Plan: Plan }[];
    const touched = rowsTouched(explanation.Plan);
    assert.ok(touched < 5_000, `${touched} rows were touched`);
    assert.equal((await archive.dispatch(pair.id, 50, HOLD_MS)).length, taken);
  });
}
