/**
 * Loop lag: whether the event loop still turns. A process that answers `/livez` only between
 * seconds of blocking is as good as dead; one long pause alone is not.
 */

const INTERVAL_MS = 1_000;
const SAMPLES = 5;
const STUCK_MS = 5_000;

export interface LoopLag {
  /** False when most of the last ticks came more than 5 s late. */
  isTurning(): boolean;
  stop(): void;
}

/** Pure part: the lags of the last ticks in milliseconds, oldest first. */
export function isTurning(lags: readonly number[]): boolean {
  return lags.filter((lag) => lag > STUCK_MS).length <= SAMPLES / 2;
}

export function watchLoop(now: () => number): LoopLag {
  let lags: readonly number[] = [];
  let last = now();
  const timer = setInterval(() => {
    const at = now();
    lags = [...lags, at - last - INTERVAL_MS].slice(-SAMPLES);
    last = at;
  }, INTERVAL_MS);
  timer.unref();
  return { isTurning: () => isTurning(lags), stop: () => clearInterval(timer) };
}
