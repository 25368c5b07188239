// Times are whole microseconds since the epoch, as plain numbers (safe until
// the year 2255). HTTP dates drop the fraction: that loss is part of the API
// and is what makes If-Modified-Since unreliable within one second.

export const MICROS_PER_SECOND = 1_000_000;

/** Returns the present in epoch microseconds. */
export type Clock = () => number;

export const systemClock: Clock = () => Math.floor((performance.timeOrigin + performance.now()) * 1000);

export function toSeconds(micros: number): number {
  return Math.floor(micros / MICROS_PER_SECOND);
}

export function httpDate(micros: number): string {
  return new Date(toSeconds(micros) * 1000).toUTCString();
}

/** Epoch seconds of an HTTP date, or undefined when it does not parse (the header is then ignored). */
export function parseHttpDate(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}

/** `1700000000.565891`: listings carry it as a string. */
export function decimalSeconds(micros: number): string {
  const fraction = micros % MICROS_PER_SECOND;
  return `${toSeconds(micros)}.${String(fraction).padStart(6, '0')}`;
}

/** ISO 8601 with microseconds; the fraction is dropped when it is zero. */
export function isoDate(micros: number): string {
  const fraction = micros % MICROS_PER_SECOND;
  const whole = new Date(toSeconds(micros) * 1000).toISOString().slice(0, 19);
  return fraction === 0 ? `${whole}+00:00` : `${whole}.${String(fraction).padStart(6, '0')}+00:00`;
}
