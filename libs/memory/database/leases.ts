/**
 * Leases: who scans and watches which pair. On each volume every seeker may hold its equal
 * share, rounded up; what it holds beyond that it gives back when it renews.
 */
import type { PairRow, Tables, Transaction } from './tables.ts';

/** Who asked for nothing for so long after its lease ended is forgotten. */
const FORGET_SEEKER_MS = 60_000;
/** The part of its time that a lease has left when it is renewed. */
const RENEWED_BELOW = 2 / 3;

/** @returns the pairs held afterwards. */
export function lease(
  { tables, now }: Transaction,
  owner: string,
  volumes: readonly string[],
  ttlMs: number,
): readonly PairRow[] {
  const expiresAt = now + ttlMs;
  for (const volume of volumes) {
    const seekers = tables.seekers.get(volume) ?? new Map<string, number>();
    tables.seekers.set(volume, seekers.set(owner, expiresAt));
  }
  forgetSeekers(tables, now - FORGET_SEEKER_MS);
  return [...new Set(volumes)].flatMap((volume) => {
    const onVolume = [...tables.pairs.values()].filter(({ pair }) => pair.volume === volume);
    const isMine = (row: PairRow) => row.lease?.owner === owner;
    const isFree = (row: PairRow) => row.lease === null || row.lease.expiresAt <= now;
    const mine = onVolume.filter(isMine);
    const obtainable = [...mine, ...onVolume.filter((row) => !isMine(row) && isFree(row))];
    const share = Math.ceil(onVolume.length / seekersOf(tables, volume, now));
    const isFresh = (row: PairRow) =>
      isMine(row) && (row.lease?.expiresAt ?? 0) > now + ttlMs * RENEWED_BELOW;
    const held = obtainable
      .slice(0, share)
      .map((row) => (isFresh(row) ? row : { ...row, lease: { owner, expiresAt } }));
    const givenBack = mine.slice(share).map((row) => ({ ...row, lease: null }));
    for (const row of [...held, ...givenBack]) tables.pairs.set(row.pair.id, row);
    return held;
  });
}

function forgetSeekers(tables: Tables, until: number): void {
  for (const seekers of tables.seekers.values()) {
    for (const [owner, expiresAt] of seekers) if (expiresAt <= until) seekers.delete(owner);
  }
}

function seekersOf(tables: Tables, volume: string, now: number): number {
  const seekers = tables.seekers.get(volume)?.values() ?? [];
  return [...seekers].filter((expiresAt) => expiresAt > now).length;
}

export function releaseLeases(tables: Tables, owner: string): void {
  for (const seekers of tables.seekers.values()) seekers.delete(owner);
  for (const row of tables.pairs.values()) {
    if (row.lease?.owner === owner) tables.pairs.set(row.pair.id, { ...row, lease: null });
  }
}

/** How many pairs hold an unexpired lease, by owner. */
export function leases({ tables, now }: Transaction): ReadonlyMap<string, number> {
  const held = new Map<string, number>();
  for (const { lease: granted } of tables.pairs.values()) {
    if (granted === null || granted.expiresAt <= now) continue;
    held.set(granted.owner, (held.get(granted.owner) ?? 0) + 1);
  }
  return new Map([...held].sort(([a], [b]) => (a < b ? -1 : 1)));
}
