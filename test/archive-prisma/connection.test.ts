/** Connection: what became of a statement when its session lost a race or ended. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import { connect, planOnce, type Session } from '#libs/archive-prisma/connection.ts';
import { HoldfastError } from '#ports/errors.ts';
import { name } from '#test/conformance/archive-fixtures.ts';
import { type Fixture, openFixture, query, SILENT } from './fixtures.ts';

const BLOCKED = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;

/** Another session that holds the row of `b`, and the session of ours that waits for it. */
async function withBlockedMark(
  { archive, pair, url }: Fixture,
  meanwhile: (other: pg.Client, pid: number) => Promise<void>,
): Promise<PromiseSettledResult<void>> {
  await archive.mark(pair.id, 'local', [name('a'), name('b')]);
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  await other.query('BEGIN');
  await other.query(`SET LOCAL deadlock_timeout = '1h'`);
  await other.query(`SELECT FROM entry WHERE name = 'b' FOR UPDATE`);
  const marking = Promise.allSettled([archive.mark(pair.id, 'remote', [name('a'), name('b')])]);
  let pid: unknown;
  while (typeof pid !== 'number') {
    await setImmediate();
    pid = (await query(url, BLOCKED, []))[0]?.['pid'];
  }
  await meanwhile(other, pid);
  await other.query('COMMIT');
  await other.end();
  const [result] = await marking;
  return result;
}

test('a statement that lost a deadlock runs again', async (t) => {
  const fixture = await openFixture(t);
  const result = await withBlockedMark(fixture, async (other) => {
    await other.query(`SELECT FROM entry WHERE name = 'a' FOR UPDATE`);
  });
  assert.equal(result.status, 'fulfilled');
  const sides = (await fixture.archive.candidates(fixture.pair.id, 10)).map((candidate) => candidate.sides);
  assert.deepEqual(sides, ['both', 'both']);
});

test('a session that the server ends is a database that does not answer, and the next call works', async (t) => {
  const fixture = await openFixture(t);
  const result = await withBlockedMark(fixture, async (other, pid) => {
    await other.query('SELECT pg_terminate_backend($1)', [pid]);
  });
  assert.ok(result.status === 'rejected' && result.reason instanceof HoldfastError);
  assert.equal(result.reason.code, 'database-unreachable');
  await fixture.ping();
});

for (const within of ['a statement', 'a transaction'] as const) {
  test(`${within} whose session lost its plans, as behind a pooler, runs again without any`, async (t) => {
    const { url } = await openFixture(t);
    const connection = connect({ url, poolSize: 1, log: SILENT });
    t.after(() => connection.close());
    const { guard, pool, transaction } = connection;
    const planned = planOnce('SELECT $1::int AS number');
    const plans = (): Promise<readonly unknown[]> =>
      guard(() => pool.query('SELECT name FROM pg_prepared_statements'));
    const ask = (session: Session): Promise<readonly unknown[]> => session.query(planned, 7);
    assert.deepEqual(await guard(() => ask(pool)), [{ number: 7 }]);
    assert.deepEqual(await plans(), [{ name: planned.name }]);
    await guard(() => pool.execute('DEALLOCATE ALL'));
    const answer = within === 'a statement' ? guard(() => ask(pool)) : transaction(ask);
    assert.deepEqual(await answer, [{ number: 7 }]);
    assert.deepEqual(await plans(), []);
  });
}
