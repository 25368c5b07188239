/** Conformance of limits: the book of what operators set, and the meter that processes share. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { LimitBook, LimitRule, Meter } from '#ports/limits.ts';
import type { OpenedArchive } from './archive-fixtures.ts';

export interface OpenedBook extends Pick<OpenedArchive, 'registry' | 'pair'> {
  readonly book: LimitBook;
}

const RULE: LimitRule = {
  storeId: null,
  pairId: null,
  timetable: null,
  bytesPerSecond: 5_000_000,
  requestsPerSecond: null,
};
const NIGHT = 'daily 22:00-06:00 UTC';

export function describeLimitBook(open: (t: TestContext) => Promise<OpenedBook>): void {
  describe('limit book', () => {
    it('keeps one rule for a scope and its times, in order', async (t) => {
      const { book, pair } = await open(t);
      assert.deepEqual(await book.read(), { rules: [], processes: 0 });
      const ofStore = { ...RULE, storeId: pair.store.id, requestsPerSecond: 2.5 };
      const ofPair = { ...RULE, pairId: pair.id, timetable: NIGHT };
      for (const rule of [ofPair, ofStore, { ...RULE, bytesPerSecond: 1 }, RULE]) await book.set(rule);
      await book.set({ ...RULE, timetable: NIGHT, bytesPerSecond: null, requestsPerSecond: 1 });
      const { rules } = await book.read();
      assert.deepEqual(rules, [
        RULE,
        { ...RULE, timetable: NIGHT, bytesPerSecond: null, requestsPerSecond: 1 },
        ofStore,
        ofPair,
      ]);
    });

    it('forgets the rules of one scope, or one of them', async (t) => {
      const { book, pair } = await open(t);
      const scope = { storeId: null, pairId: pair.id };
      await book.set(RULE);
      for (const timetable of [null, NIGHT]) await book.set({ ...RULE, ...scope, timetable });
      assert.equal(await book.clear(scope, NIGHT), 1);
      assert.equal(await book.clear(scope, NIGHT), 0);
      assert.equal(await book.clear(scope, null), 1);
      assert.deepEqual((await book.read()).rules, [RULE]);
    });

    it('holds nothing for what is gone', async (t) => {
      const { book, pair, registry } = await open(t);
      await book.set({ ...RULE, pairId: pair.id });
      await book.set({ ...RULE, storeId: pair.store.id });
      await registry.removePair(pair.id);
      await registry.removeStore(pair.store.name);
      assert.deepEqual((await book.read()).rules, []);
      await assert.rejects(book.set({ ...RULE, pairId: pair.id }), { code: 'not-found' });
      await assert.rejects(book.set({ ...RULE, storeId: pair.store.id }), { code: 'not-found' });
    });
  });
}

/** Opens as many meters as are asked for, which share everything. */
export type OpenMeters = (t: TestContext, count: number) => Promise<readonly Meter[]>;

export function describeMeter(open: OpenMeters): void {
  // Rates so low that what passes while a test runs is nothing beside them.
  const HOUR_MS = 3_600_000;
  const slow = (name: string) => ({ name, perSecond: 1 });
  const isAbout = (ms: number, expected: number): void => {
    assert.ok(ms <= expected && ms > expected - HOUR_MS / 4, `${ms} ms instead of ${expected}`);
  };

  describe('meter', () => {
    it('gives what a bucket holds, then lets wait until all that was taken is paid', async (t) => {
      const [one, other] = (await open(t, 2)) as [Meter, Meter];
      assert.equal(await one.take([slow('a')], 1), 0);
      isAbout(await one.take([slow('a')], 3_600), HOUR_MS);
      isAbout(await other.take([slow('a')], 3_600), 2 * HOUR_MS);
      assert.equal(await other.take([slow('b')], 1), 0);
    });

    it('takes of several at once, and tells the longest wait', async (t) => {
      const [meter] = (await open(t, 1)) as [Meter];
      const fast = { name: 'fast', perSecond: 10_000 };
      isAbout(await meter.take([fast, slow('a')], 3_601), HOUR_MS);
      isAbout(await meter.take([slow('a')], 3_600), 2 * HOUR_MS);
    });

    it('pays a debt at the rate that holds now', async (t) => {
      const [meter] = (await open(t, 1)) as [Meter];
      await meter.take([slow('a')], 7_201);
      isAbout(await meter.take([{ name: 'a', perSecond: 2 }], 0), HOUR_MS);
    });

    it('tells all of a pause that one was asked for, the longest that was', async (t) => {
      const [one, other] = (await open(t, 2)) as [Meter, Meter];
      assert.deepEqual(await other.pauses(), new Map());
      isAbout(await one.pause(7, HOUR_MS), HOUR_MS);
      isAbout(await other.pause(7, 1_000), HOUR_MS);
      isAbout(await other.pause(7, null), HOUR_MS);
      const pauses = await other.pauses();
      assert.deepEqual([...pauses.keys()], [7]);
      isAbout(pauses.get(7) ?? 0, HOUR_MS);
    });

    it('pauses for longer when it is refused again and again', async (t) => {
      const [one, other] = (await open(t, 2)) as [Meter, Meter];
      const first = await one.pause(3, null);
      assert.ok(first > 0 && first <= 500, `${first} ms`);
      const ended = async (): Promise<void> => {
        while ((await other.pauses()).size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      };
      await ended();
      const second = await other.pause(3, null);
      assert.ok(second > 500 && second <= 1_000, `${second} ms`);
    });
  });
}
