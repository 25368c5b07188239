/** Memory meter: what processes share to keep to limits, for those that live in this process. */
import { type Bucket, type Pause, pauseAfter, take } from '#core/limits.ts';
import type { Clock } from '#ports/clock.ts';
import type { Meter } from '#ports/limits.ts';

export function createMemoryMeter(clock: Pick<Clock, 'now'>): Meter {
  const buckets = new Map<string, Bucket>();
  const pauses = new Map<number, Pause>();
  return {
    take: async (from, amount) => {
      const waits = from.map(({ name, perSecond }) => {
        const { bucket, waitMs } = take(buckets.get(name) ?? null, perSecond, amount, clock.now());
        buckets.set(name, bucket);
        return waitMs;
      });
      return Math.max(0, ...waits);
    },
    pause: async (storeId, askedMs) => {
      const pause = pauseAfter(pauses.get(storeId) ?? null, askedMs, clock.now());
      pauses.set(storeId, pause);
      return Math.max(0, pause.until - clock.now());
    },
    pauses: async () => {
      const left = [...pauses].map(([id, { until }]): [number, number] => [id, until - clock.now()]);
      return new Map(left.filter(([, ms]) => ms > 0));
    },
    close: async () => {},
  };
}
