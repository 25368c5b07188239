/** What stores on a model need beside it: a clock that stands still, and a log that nobody reads. */
import type { Clock } from '#ports/clock.ts';
import type { Log } from '#ports/log.ts';

const nothing = (): void => undefined;
export const SILENT: Log = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => SILENT,
};

export interface StillClock extends Clock {
  advance(ms: number): void;
}

/** Only sleepers make it go on, and they wake at once. */
export function createStillClock(): StillClock {
  let now = Date.UTC(2026, 0, 1);
  let ids = 0;
  const advance = (ms: number): void => {
    now += ms;
  };
  return {
    now: () => now,
    sleep: async (ms) => advance(ms),
    random: () => 0.5,
    uniqueId: () => `id-${++ids}`,
    advance,
  };
}
