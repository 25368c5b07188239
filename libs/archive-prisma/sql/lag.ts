/** Lag: how long a change that was just acknowledged had been known. Only for figures; nothing is decided by it. */
import type { Name } from '#core/name.ts';

/** Names with their lags in milliseconds; null where nothing was acknowledged. */
export type Lags = ReadonlyMap<Name, number | null>;

export interface LagRow {
  readonly name: Name;
  readonly lag_ms: number | null;
}

/** For a row that was locked as `locked` before it was written. */
export const LAG_MS = '(extract(epoch FROM now() - locked.seen_at) * 1000)::float8';

export function lagsOf(rows: readonly LagRow[]): Lags {
  return new Map(rows.map(({ name, lag_ms }) => [name, lag_ms]));
}
