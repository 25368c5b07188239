/** Marks names as candidates: each call is one new marking, so a probe that began before it does not clear it. */
import { ancestorsOf, type Name } from '#core/name.ts';
import type { CandidateSides } from '#ports/archive.ts';
import { type EntryRow, isDue, newRow } from './entry-table.ts';
import type { PairTables, Transaction } from './tables.ts';

/** A candidate that waits is looked at no later than this after a new marking: what it waited for may have changed. */
const SOON_MS = 2_000;

export function addSides(present: CandidateSides | null, more: CandidateSides): CandidateSides {
  return present === null || present === more ? more : 'both';
}

/** When a row is due after a new marking. A pending decision keeps its time. */
export function sooner(row: EntryRow, now: number): number | null {
  if (row.decision !== null) return row.dueAt;
  return isDue(row, now + SOON_MS) ? null : now + SOON_MS;
}

/** The time of a probe's outcome when a later marking came meanwhile. */
export function soonerOf(at: number, now: number): number {
  return Math.min(at, now + SOON_MS);
}

/** Marks names and makes rows where there are none. */
export function mark(
  { tables, now }: Transaction,
  { entries }: PairTables,
  marks: readonly { readonly name: Name; readonly side: CandidateSides }[],
): void {
  if (marks.length === 0) return;
  const merged = new Map<Name, CandidateSides>();
  for (const { name, side } of marks) merged.set(name, addSides(merged.get(name) ?? null, side));
  const marking = tables.nextSerial();
  for (const [name, side] of merged) {
    const row = entries.get(name) ?? newRow(name, now);
    entries.put({ ...row, sides: addSides(row.sides, side), marking, dueAt: sooner(row, now) });
  }
}

/** Marks what either side remembers as present below a name. */
export function markBelow(
  transaction: Transaction,
  pair: PairTables,
  side: CandidateSides,
  name: Name,
): void {
  const present = pair.entries
    .below(name)
    .filter(({ local, remote }) => local.kind !== 'absent' || remote.kind !== 'absent');
  mark(
    transaction,
    pair,
    present.map((row) => ({ name: row.name, side })),
  );
}

/** Marks both sides of all names with an open problem, except with these codes. */
export function markProblems(
  transaction: Transaction,
  pair: PairTables,
  exceptCodes: readonly string[],
): void {
  markWaiting(transaction, pair, (_name, code) => !exceptCodes.includes(code));
}

/** Marks what waited for an object above or below it. @param ended where REMOTE no longer remembers one. */
export function markAroundEnded(transaction: Transaction, pair: PairTables, ended: readonly Name[]): void {
  if (ended.length === 0) return;
  const above = new Set(ended.flatMap(ancestorsOf));
  markWaiting(transaction, pair, (name, code) => {
    if (code !== 'name-file-and-directory') return false;
    return above.has(name) || ancestorsOf(name).some((ancestor) => ended.includes(ancestor));
  });
}

function markWaiting(
  transaction: Transaction,
  pair: PairTables,
  isMeant: (name: Name, code: string) => boolean,
): void {
  const waiting: { name: Name; side: 'both' }[] = [];
  for (const { name: shown, code } of pair.problems.values()) {
    const name = shown as Name;
    if (pair.entries.get(name) !== undefined && isMeant(name, code)) waiting.push({ name, side: 'both' });
  }
  mark(transaction, pair, waiting);
}

/**
 * Marks directories that the store only implied by objects below them, and standstills of an
 * object with others below it, when the last of those went.
 */
export function markEmptiedAbove(transaction: Transaction, pair: PairTables, gone: readonly Name[]): void {
  markEmptied(transaction, pair, [...new Set(gone.flatMap(ancestorsOf))]);
}

/** The same for names that were recorded as held up by objects below them. */
export function markEmptied({ tables }: Transaction, { entries }: PairTables, names: readonly Name[]): void {
  const emptied = names.filter((name) => {
    const row = entries.get(name);
    return row !== undefined && isHeldUp(row) && !entries.entry(row).remoteHasChildren;
  });
  if (emptied.length === 0) return;
  const marking = tables.nextSerial();
  for (const name of emptied) {
    const row = entries.get(name);
    if (row !== undefined) entries.put({ ...row, sides: addSides(row.sides, 'remote'), marking });
  }
}

function isHeldUp({ local, remote, sync }: EntryRow): boolean {
  if (remote.kind === 'absent') return sync.kind === 'directory';
  return remote.kind === 'file' && local.kind === 'directory';
}
