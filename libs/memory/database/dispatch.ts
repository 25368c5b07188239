/** Dispatch: takes pending decisions for the queue in an order that lets none of them run into another (core/turn.ts). */
import { ancestorsOf } from '#core/name.ts';
import { TURN, type Turn } from '#core/turn.ts';
import type { DispatchedDecision } from '#ports/archive.ts';
import { type EntryRow, type EntryTable, isDue, isHeld } from './entry-table.ts';
import type { PairTables, Transaction } from './tables.ts';

/** While there are both, so many creations go out to one removal: neither backlog starves the other. */
const CREATIONS_TO_A_REMOVAL = 3;

export function dispatch(
  { now }: Transaction,
  { entries }: PairTables,
  window: number,
  holdMs: number,
): readonly DispatchedDecision[] {
  const pending = entries.rows().filter(({ decision }) => decision !== null);
  const free = Math.max(window - pending.filter((row) => isHeld(row, now)).length, 0);
  if (free === 0) return [];
  const takeable = pending.filter(
    (row) => isDue(row, now) && !isHeld(row, now) && !waitsForOthers(entries, row),
  );
  const creations = takeable.filter((row) => !isRemoval(row));
  const removals = takeable.filter(isRemoval).reverse();
  return shared(creations, removals, free).map((row) => {
    const heldUntil = now + holdMs;
    entries.put({ ...row, heldUntil, heldBy: null });
    return dispatched(row);
  });
}

function turnNumber({ turn }: EntryRow): number {
  return turn === null ? Number.POSITIVE_INFINITY : TURN[turn];
}

export function isRemoval(row: EntryRow): boolean {
  return turnNumber(row) >= TURN.removes;
}

/** Highest turn of decisions above that it waits for. */
const WAITS_FOR = { creation: TURN.leads, removal: TURN['moves-aside'] } as const;
const CLEARS: readonly (Turn | null)[] = ['replaces-tree', 'removes-tree'];

/** Whether it runs only when nothing below it is pending. */
export function clearsTree({ turn }: EntryRow): boolean {
  return CLEARS.includes(turn);
}

function waitsForOthers(entries: EntryTable, row: EntryRow): boolean {
  const highest = isRemoval(row) ? WAITS_FOR.removal : WAITS_FOR.creation;
  const isBlocked = ancestorsOf(row.name).some((name) => {
    const above = entries.get(name);
    return above !== undefined && turnNumber(above) <= highest;
  });
  return isBlocked || (clearsTree(row) && entries.below(row.name).some(({ decision }) => decision !== null));
}

/** So many of both as there is room for: creations forwards, then removals backwards. */
function shared(
  creations: readonly EntryRow[],
  removals: readonly EntryRow[],
  room: number,
): readonly EntryRow[] {
  let [created, removed] = [0, 0];
  while (created + removed < room && created + removed < creations.length + removals.length) {
    const isRemovalsTurn = CREATIONS_TO_A_REMOVAL * (removed + 1) <= created + 1;
    if (created === creations.length || (isRemovalsTurn && removed < removals.length)) removed += 1;
    else created += 1;
  }
  return [...creations.slice(0, created), ...removals.slice(0, removed)];
}

function dispatched({ name, decision, local, remote }: EntryRow): DispatchedDecision {
  if (decision === null) throw new RangeError(`${name} has no pending decision`);
  const { serial, action } = decision;
  const source = action === 'upload' ? local : action === 'download' ? remote : null;
  return { name, serial, action, size: source?.kind === 'file' ? source.size : 0 };
}
