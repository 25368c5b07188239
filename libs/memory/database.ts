/**
 * Memory database: one state database in this process, for any number of callers. Each of
 * them is given its own ports over the same tables; a call of a port is one transaction and
 * one step, so the database may be slow, fail or outlive its caller, yet never does half.
 */
import type { Serial } from '#core/serial.ts';
import type { Archive, Problem } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import type { LimitBook } from '#ports/limits.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import { createMemoryArchive } from './archive.ts';
import type { EntryRow } from './database/entry-table.ts';
import { problems } from './database/problems.ts';
import { type HistoryRow, type PointerRow, Tables, type Transact } from './database/tables.ts';
import { createMemoryLimitBook } from './limit-book.ts';
import { createMemoryRegistry } from './registry.ts';
import type { Step } from './step.ts';

/** A backup: all that a database remembered at one moment. */
export interface DatabaseSnapshot {
  readonly tables: Tables;
}

export class MemoryDatabase {
  readonly #clock: Pick<Clock, 'now'>;
  #tables = new Tables();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  archive(step: Step): Archive {
    return createMemoryArchive(this.#transact(step));
  }

  registry(step: Step): Registry {
    return createMemoryRegistry(this.#transact(step));
  }

  limits(step: Step): LimitBook {
    return createMemoryLimitBook(this.#transact(step));
  }

  /** Copies no row; what happens later does not change it. */
  snapshot(): DatabaseSnapshot {
    return { tables: this.#tables.copy() };
  }

  /** Everything is as it was, the sequence of serials included; any snapshot may be restored any number of times. */
  restore(snapshot: DatabaseSnapshot): void {
    this.#tables = snapshot.tables.copy();
  }

  /** Null when it is not registered. */
  pair(pairId: number): Pair | null {
    return this.#tables.pairs.get(pairId)?.pair ?? null;
  }

  /** All entries of a pair in byte order of names, with decision, marking and hold. */
  rows(pairId: number): readonly EntryRow[] {
    return this.#tables.of(pairId).entries.rows();
  }

  /** Oldest first. */
  history(pairId: number): readonly HistoryRow[] {
    return this.#tables.of(pairId).history;
  }

  /** Recovery pointers that were not settled as gone, oldest first. */
  recovery(pairId: number): readonly PointerRow[] {
    return [...this.#tables.of(pairId).pointers.values()];
  }

  problems(pairId: number): readonly Problem[] {
    return problems(this.#tables, pairId);
  }

  /** The serial issued last, to a version or to a marking; 0 when none was. */
  get lastSerial(): Serial {
    return this.#tables.lastSerial;
  }

  #transact(step: Step): Transact {
    return (verb, subject, effect) =>
      step(`db.${verb}`, subject, () => effect({ tables: this.#tables, now: this.#clock.now() }));
  }
}
