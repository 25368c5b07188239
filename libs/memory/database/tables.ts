/**
 * Tables: all that the state database remembers. A transaction is one synchronous function over
 * them: it checks before it writes, so that one that throws has changed nothing. Rows are
 * immutable, so a copy of the tables copies no row.
 */
import { type Serial, toSerial } from '#core/serial.ts';
import type { HistoryEvent, Problem, RecordedHistoryEvent, TrashedContent } from '#ports/archive.ts';
import type { LimitRule } from '#ports/limits.ts';
import type { Pair, StoreRecord } from '#ports/pair.ts';
import { EntryTable } from './entry-table.ts';

export interface HistoryRow extends RecordedHistoryEvent {
  /** Bytes moved; null unless a file was transferred. */
  readonly bytes: number | null;
}

export interface PointerRow extends TrashedContent {
  /** When to look whether a late writer changed it, in milliseconds since the epoch; null when not wanted or done. */
  readonly lookAgainAt: number | null;
}

/** One registered pair. */
export interface PairRow {
  readonly pair: Pair;
  /** Null when nobody scans and watches the pair; times are milliseconds since the epoch. */
  readonly lease: { readonly owner: string; readonly expiresAt: number } | null;
  readonly tables: PairTables;
}

/** What is remembered about the names of one pair. */
export class PairTables {
  entries = new EntryTable();
  /** By printable name. */
  problems = new Map<string, Problem>();
  history: HistoryRow[] = [];
  pointers = new Map<bigint, PointerRow>();
  /** Since when the pair's deletes wait for an operator; null while they do not. */
  heldSince: number | null = null;
  /** Whether anything was acknowledged since the pair's last generation began. */
  generationUsed = false;
  /** When it began, in milliseconds since the epoch. */
  generationAt = 0;

  copy(): PairTables {
    const copy = new PairTables();
    copy.entries = this.entries.copy();
    copy.problems = new Map(this.problems);
    copy.history = this.history.slice();
    copy.pointers = new Map(this.pointers);
    copy.heldSince = this.heldSince;
    copy.generationUsed = this.generationUsed;
    copy.generationAt = this.generationAt;
    return copy;
  }
}

export class Tables {
  stores = new Map<number, StoreRecord>();
  /** In order of ids. */
  pairs = new Map<number, PairRow>();
  /** Who asks for leases: volume to owner to when it counts as gone, in milliseconds since the epoch. */
  seekers = new Map<string, Map<string, number>>();
  limits: readonly LimitRule[] = [];
  #lastSerial = 0n;
  #lastId = 0;

  /** As a backup would have it: the sequences go back with everything else. */
  copy(): Tables {
    const copy = new Tables();
    copy.stores = new Map(this.stores);
    for (const [id, row] of this.pairs) copy.pairs.set(id, { ...row, tables: row.tables.copy() });
    for (const [volume, owners] of this.seekers) copy.seekers.set(volume, new Map(owners));
    copy.limits = this.limits;
    copy.#lastSerial = this.#lastSerial;
    copy.#lastId = this.#lastId;
    return copy;
  }

  /** Of a pair that is gone nothing is remembered, and what is written about it is lost. */
  of(pairId: number): PairTables {
    return this.pairs.get(pairId)?.tables ?? new PairTables();
  }

  /** The serial issued last; 0 when none was. */
  get lastSerial(): Serial {
    return toSerial(this.#lastSerial);
  }

  nextSerial(): Serial {
    this.#lastSerial += 1n;
    return toSerial(this.#lastSerial);
  }

  /** The next serial issued will be later than this one. */
  leapTo(serial: bigint): void {
    this.#lastSerial = serial;
  }

  /** For stores, pairs, events and pointers. */
  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}

/** One transaction: time stands still in it. */
export interface Transaction {
  readonly tables: Tables;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Runs one transaction as one step, whose verb is `db.` and this one. */
export type Transact = <Result>(
  verb: string,
  subject: string,
  effect: (transaction: Transaction) => Result,
) => Promise<Result>;

export function appendHistory(
  { tables, now }: Transaction,
  { history }: PairTables,
  events: readonly (HistoryEvent & { readonly bytes?: number | null })[],
): void {
  for (const { name, kind, side, serial, text, bytes = null } of events) {
    const id = BigInt(tables.nextId());
    history.push({ id, at: new Date(now), name, kind, side, serial, text, bytes });
  }
}
