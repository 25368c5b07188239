/**
 * Entry table: the rows of one pair. A row is immutable and replaced as a whole, so that a
 * copy of the table is a copy of one map, and what was handed out never changes. Names are
 * put in order when somebody asks and only then, since they come in bursts.
 */
import type { Entry, Side } from '#core/entry.ts';
import { compareNames, type Name } from '#core/name.ts';
import { NO_SERIAL, type Serial } from '#core/serial.ts';
import { ABSENT, type RemoteState } from '#core/state.ts';
import type { Turn } from '#core/turn.ts';
import type { CandidateSides } from '#ports/archive.ts';

/** One name with its four archives, its marking and its hold. Times are milliseconds since the epoch. */
export interface EntryRow extends Omit<Entry, 'remoteHasChildren'> {
  /** When the pending decision may run; null when nothing is pending. */
  readonly turn: Turn | null;
  /** Sides that may have changed; null when the name is no candidate. */
  readonly sides: CandidateSides | null;
  /** Which marking made it a candidate last; kept when the marking is cleared. */
  readonly marking: Serial;
  /** What a listing showed while a decision was pending, and which marking that was; null otherwise. */
  readonly listed: { readonly marking: Serial; readonly state: RemoteState } | null;
  /** Not worked on before this time; null: at once. */
  readonly dueAt: number | null;
  /** A pending decision is out with the queue or a worker until then; null when it is not. */
  readonly heldUntil: number | null;
  /** The worker; null while not claimed. */
  readonly heldBy: string | null;
  /** Last change of the archives or of the decision; old tombstones are purged by it. */
  readonly updatedAt: number;
  /** A delete that may be carried out; false for deletes that wait, and for all else. */
  readonly isCleared: boolean;
  /** When a delete of the name was let go; null when none was, an operator approved it, or the name was there again since. */
  readonly deletedAt: number | null;
  /** What its last decision, a delete, was about; null when that was none. */
  readonly gone: Gone | null;
}

/** What went away, by which a rename is known. */
export interface Gone {
  readonly side: Side;
  /** Null for directories. */
  readonly size: number | null;
  readonly hash: string | null;
  /** Null when it went away upstream. */
  readonly inode: bigint | null;
  readonly mtimeNs: bigint | null;
}

export function newRow(name: Name, now: number): EntryRow {
  return {
    ...unknownEntry(name),
    turn: null,
    sides: null,
    marking: NO_SERIAL,
    listed: null,
    dueAt: null,
    heldUntil: null,
    heldBy: null,
    updatedAt: now,
    isCleared: false,
    deletedAt: null,
    gone: null,
  };
}

function unknownEntry(name: Name): Omit<Entry, 'remoteHasChildren'> {
  return {
    name,
    local: ABSENT,
    localSerial: NO_SERIAL,
    remote: ABSENT,
    remoteSerial: NO_SERIAL,
    sync: ABSENT,
    syncSerial: NO_SERIAL,
    decision: null,
  };
}

/** Whether it waits to be probed, now or later. */
export function isCandidate({ sides, decision }: EntryRow): boolean {
  return sides !== null && decision === null;
}

/** Candidates that are due, those that were synced before those that are new: the end of a name tells what moved. */
export function nextCandidates(rows: readonly EntryRow[], now: number, limit: number): readonly EntryRow[] {
  const due = rows.filter((row) => isCandidate(row) && isDue(row, now));
  const isNew = ({ sync }: EntryRow): boolean => sync.kind === 'absent';
  return [...due.filter((row) => !isNew(row)), ...due.filter(isNew)].slice(0, limit);
}

export function isDue({ dueAt }: EntryRow, now: number): boolean {
  return dueAt === null || dueAt <= now;
}

export function isHeld({ heldUntil }: EntryRow, now: number): boolean {
  return heldUntil !== null && heldUntil > now;
}

/** Whether its decision brings or removes something on the local side. */
export function changesHere({ decision }: EntryRow): boolean {
  return decision?.action === 'download' || decision?.action === 'delete-local';
}

export function isDelete({ decision }: EntryRow): boolean {
  return decision?.action === 'delete-remote' || decision?.action === 'delete-local';
}

/** A pending delete that was not let go. */
export function waits(row: EntryRow): boolean {
  return isDelete(row) && !row.isCleared;
}

/** What a row is without a pending decision: none is held, none has a turn. */
export const NOT_PENDING = {
  decision: null,
  turn: null,
  heldUntil: null,
  heldBy: null,
  isCleared: false,
} as const;

export class EntryTable {
  readonly #rows: Map<Name, EntryRow>;
  #names: readonly Name[] | null = null;

  constructor(rows: ReadonlyMap<Name, EntryRow> = new Map()) {
    this.#rows = new Map(rows);
  }

  copy(): EntryTable {
    return new EntryTable(this.#rows);
  }

  get(name: Name): EntryRow | undefined {
    return this.#rows.get(name);
  }

  put(row: EntryRow): void {
    if (!this.#rows.has(row.name)) this.#names = null;
    this.#rows.set(row.name, row);
  }

  delete(name: Name): void {
    if (this.#rows.delete(name)) this.#names = null;
  }

  /** In byte order of names. */
  rows(): readonly EntryRow[] {
    return this.#inOrder(0, this.#sorted().length);
  }

  /** Rows of names after this one, in byte order. */
  after(name: string): readonly EntryRow[] {
    const names = this.#sorted();
    const start = firstAfter(names, name);
    return this.#inOrder(start, names.length);
  }

  /** Rows below a name, not at it, in byte order. */
  below(name: Name): readonly EntryRow[] {
    const names = this.#sorted();
    const prefix = `${name}/`;
    const start = firstAfter(names, prefix);
    let end = start;
    while (names[end]?.startsWith(prefix)) end += 1;
    return this.#inOrder(start, end);
  }

  /** The row as the core knows it. */
  entry({ name, local, localSerial, remote, remoteSerial, sync, syncSerial, decision }: EntryRow): Entry {
    const remoteHasChildren = this.#hasObjectsBelow(name);
    return {
      name,
      local,
      localSerial,
      remote,
      remoteSerial,
      sync,
      syncSerial,
      decision,
      remoteHasChildren,
    };
  }

  /** As `entry`; a name without a row is absent on all sides, yet may still be an implied directory. */
  entryOf(name: Name): Entry {
    const row = this.#rows.get(name);
    if (row !== undefined) return this.entry(row);
    return { ...unknownEntry(name), remoteHasChildren: this.#hasObjectsBelow(name) };
  }

  #hasObjectsBelow(name: Name): boolean {
    return this.below(name).some(({ remote }) => remote.kind !== 'absent');
  }

  #sorted(): readonly Name[] {
    this.#names ??= [...this.#rows.keys()].sort(compareNames);
    return this.#names;
  }

  #inOrder(start: number, end: number): readonly EntryRow[] {
    const names = this.#sorted();
    const rows: EntryRow[] = [];
    for (let index = start; index < end; index += 1) {
      const row = this.#rows.get(names[index] as Name);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }
}

/** Where the first name greater than this one stands. */
function firstAfter(names: readonly Name[], name: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareNames(names[middle] as Name, name) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
