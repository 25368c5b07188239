/** Recovery pointers: where displaced content can be found (invariant 1). */
import { compareNames, type Name } from '#core/name.ts';
import type { SideEffects, TrashedContent } from '#ports/archive.ts';
import type { TrashPlace } from '#ports/local-folder.ts';
import type { PairTables, PointerRow, Transaction } from './tables.ts';

/** A repeated commit reports the displacement of the first one again: kept once. */
export function addPointers(
  { tables, now }: Transaction,
  { pointers }: PairTables,
  recovery: SideEffects['recovery'],
): void {
  for (const { name, side, serial, pointer, lookAgainAt, expiresAt } of recovery) {
    const isKnown = [...pointers.values()].some(
      (kept) =>
        kept.name === name &&
        kept.side === side &&
        kept.pointer.kind === pointer.kind &&
        kept.pointer.locator === pointer.locator,
    );
    if (isKnown) continue;
    const id = BigInt(tables.nextId());
    const [displaced, expires] = [new Date(now), new Date(expiresAt)];
    pointers.set(id, {
      id,
      name,
      side,
      serial,
      pointer,
      displacedAt: displaced,
      lookAgainAt,
      expiresAt: expires,
    });
  }
}

/** In byte order of names, oldest first. */
export function trash({ pointers }: PairTables, name: Name | null): readonly TrashedContent[] {
  return [...pointers.values()]
    .filter((kept) => name === null || kept.name === name)
    .sort((a, b) => compareNames(a.name, b.name) || Number(a.id - b.id))
    .map(withoutLook);
}

type DueTrash = TrashedContent & { readonly pairId: number; readonly due: 'look-again' | 'expired' };

/** The folder of a disabled pair is not to be touched; its pointers wait. The late look comes before the end. */
export function dueTrash({ tables, now }: Transaction, volume: string, limit: number): readonly DueTrash[] {
  const due: { readonly row: PointerRow; readonly pairId: number; readonly at: number }[] = [];
  for (const {
    pair,
    tables: { pointers },
  } of tables.pairs.values()) {
    if (pair.volume !== volume || pair.disabled !== null) continue;
    const beyond = beyondBytes([...pointers.values()], pair.retention.bytes);
    for (const row of pointers.values()) {
      const at = Math.min(row.lookAgainAt ?? Number.POSITIVE_INFINITY, row.expiresAt.getTime());
      if (at <= now) due.push({ row, pairId: pair.id, at });
      else if (beyond.has(row)) due.push({ row, pairId: pair.id, at: Number.POSITIVE_INFINITY });
    }
  }
  due.sort((a, b) => (a.at === b.at ? 0 : a.at - b.at) || Number(a.row.id - b.row.id));
  return due.slice(0, limit).map(({ row, pairId }) => {
    const looksAgain = row.lookAgainAt !== null && row.lookAgainAt <= now;
    return { ...withoutLook(row), pairId, due: looksAgain ? 'look-again' : 'expired' };
  });
}

/** What newer content leaves no room for, but never before its late look. */
function beyondBytes(rows: readonly PointerRow[], bytes: number | null): ReadonlySet<PointerRow> {
  const beyond = new Set<PointerRow>();
  if (bytes === null) return beyond;
  let kept = 0;
  const newestFirst = rows
    .filter(({ pointer }) => pointer.kind === 'trash')
    .sort((a, b) => b.displacedAt.getTime() - a.displacedAt.getTime() || Number(b.id - a.id));
  for (const row of newestFirst) {
    kept += row.pointer.size;
    if (kept > bytes && row.lookAgainAt === null) beyond.add(row);
  }
  return beyond;
}

export function pageTrash({ pointers }: PairTables, after: bigint, limit: number): readonly TrashedContent[] {
  const later = [...pointers.values()].filter(({ id }) => id > after).sort((a, b) => Number(a.id - b.id));
  return later.slice(0, limit).map(withoutLook);
}

export function recordedTrash({ pointers }: PairTables, places: readonly TrashPlace[]): ReadonlySet<string> {
  const told = [...pointers.values()].filter(({ pointer }) => pointer.kind === 'trash');
  const isTold = ({ place, serial }: TrashPlace): boolean =>
    told.some((row) => row.serial === serial && row.pointer.locator.startsWith(place));
  return new Set(places.filter(isTold).map(({ place }) => place));
}

export function settleTrash({ tables, now }: Transaction, id: bigint, as: 'looked' | 'ended' | 'gone'): void {
  for (const {
    tables: { pointers },
  } of tables.pairs.values()) {
    const row = pointers.get(id);
    if (row === undefined) continue;
    if (as === 'gone') pointers.delete(id);
    else if (as === 'ended') pointers.set(id, { ...row, lookAgainAt: null, expiresAt: new Date(now) });
    else pointers.set(id, { ...row, lookAgainAt: null });
  }
}

function withoutLook({ lookAgainAt: _lookAgainAt, ...content }: PointerRow): TrashedContent {
  return content;
}
