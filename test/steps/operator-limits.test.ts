/** What an operator may ask of limits, and what is refused. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { atOnce } from '#libs/memory/step.ts';
import type { LimitSetRequest } from '#ports/operator.ts';
import { clearLimit, type LimitDeps, listLimits, setLimit } from '#steps/operator/limits.ts';
import { openMemoryDatabase } from '#test/memory/open-database.ts';

const FLEET: LimitSetRequest = {
  store: null,
  pair: null,
  times: null,
  bytesPerSecond: 1_000,
  requestsPerSecond: null,
};
const NIGHTS = { days: 'mon-sun', between: '22:00-06:00', zone: 'UTC' };

async function open(): Promise<LimitDeps> {
  const { database, ...ports } = await openMemoryDatabase();
  // Of the dependencies of all verbs these use no other.
  return { ...ports, limits: database.limits(atOnce), actor: 'ada' } as unknown as LimitDeps;
}

it('limits are of the fleet, of stores and of pairs, by name', async () => {
  const deps = await open();
  assert.deepEqual(await listLimits(deps), []);
  await setLimit(deps, { ...FLEET, pair: 'docs', requestsPerSecond: 0.5 });
  await setLimit(deps, { ...FLEET, store: 'cloud', times: NIGHTS });
  await setLimit(deps, FLEET);
  const shown = (await listLimits(deps)).map(({ store, pair, timetable }) => [store, pair, timetable]);
  assert.deepEqual(shown, [
    [null, null, null],
    ['cloud', null, 'daily 22:00-06:00 UTC'],
    [null, 'docs', null],
  ]);
  await clearLimit(deps, { store: 'cloud', pair: null, times: NIGHTS });
  await clearLimit(deps, { store: null, pair: 'docs', times: null });
  assert.equal((await listLimits(deps)).length, 1);
});

it('what makes no sense is refused with what to write instead', async () => {
  const deps = await open();
  for (const [request, code] of [
    [{ ...FLEET, bytesPerSecond: null }, 'usage'],
    [{ ...FLEET, bytesPerSecond: 0 }, 'usage'],
    [{ ...FLEET, requestsPerSecond: -1 }, 'usage'],
    [{ ...FLEET, store: 'cloud', pair: 'docs' }, 'usage'],
    [{ ...FLEET, times: { ...NIGHTS, zone: 'Mars/Olympus' } }, 'usage'],
    [{ ...FLEET, store: 'nowhere' }, 'not-found'],
    [{ ...FLEET, pair: 'nobody' }, 'not-found'],
  ] as const) {
    await assert.rejects(setLimit(deps, request), { code });
  }
  await assert.rejects(clearLimit(deps, { store: null, pair: null, times: null }), { code: 'not-found' });
});
