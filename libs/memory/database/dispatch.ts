/** Dispatch: takes pending decisions for the queue in an order that lets none of them run into another (core/turn.ts). */
import { ancestorsOf } from '#core/name.ts';
import { TURN, type Turn } from '#core/turn.ts';
import { refillRoom } from '#core/window.ts';
import type { DispatchedDecision } from '#ports/archive.ts';
import { type EntryRow, type EntryTable, isDue, isHeld, waits } from './entry-table.ts';
import type { PairTables, Transaction } from './tables.ts';

/** While there are both, so many creations are out to one removal: neither backlog starves the other. */
const CREATIONS_TO_A_REMOVAL = 3;

export function dispatch(
  { now }: Transaction,
  { entries }: PairTables,
  window: number,
  holdMs: number,
): readonly DispatchedDecision[] {
  const pending = entries.rows().filter(({ decision }) => decision !== null);
  const out = pending.filter((row) => isHeld(row, now));
  if (window - out.length < refillRoom(window)) return [];
  const takeable = pending.filter(
    (row) => isDue(row, now) && !isHeld(row, now) && !waits(row) && !waitsForOthers(entries, row),
  );
  const creations = takeable.filter((row) => !isRemoval(row));
  const removals = takeable.filter(isRemoval).reverse();
  return shared({ creations, removals, out, window }).map((row) => {
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

interface Waiting {
  readonly creations: readonly EntryRow[];
  readonly removals: readonly EntryRow[];
  readonly out: readonly EntryRow[];
  readonly window: number;
}

/** So many of both as there is room for: creations in the given order, then removals. */
function shared({ creations, removals, out, window }: Waiting): readonly EntryRow[] {
  const removalsOut = out.filter(isRemoval).length;
  const creationsOut = out.length - removalsOut;
  const free = Math.min(window - out.length, creations.length + removals.length);
  let [created, removed] = [0, 0];
  while (created + removed < free) {
    const isRemovalsTurn = CREATIONS_TO_A_REMOVAL * (removalsOut + removed + 1) <= creationsOut + created + 1;
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
