/**
 * Delete count: what the engine deleted on one side because it was gone on the other, without an operator's word. It
 * must never be a mass delete (invariant 7). It counts less than the engine does: whatever could be a rename is left
 * out, a name that a user fills again is out at once, and names are all there ever were at once.
 */
import type { MemoryDatabase } from '#libs/memory/database.ts';
import type { RecordedHistoryEvent } from '#ports/archive.ts';
import { type Book, isContent } from './book.ts';
import { Violation } from './violation.ts';

/** Share of a pair's names. */
const PERCENT = 25;

export interface DeleteCountParts {
  readonly database: MemoryDatabase;
  readonly pairId: number;
  readonly book: Book;
  readonly holdNames: number;
}

export class DeleteCount {
  readonly #parts: DeleteCountParts;
  #deleted = new Set<string>();
  readonly #approved = new Set<bigint>();
  #mostNames = 0;

  constructor(parts: DeleteCountParts) {
    this.#parts = parts;
  }

  /** An operator answered, or the pair begins anew. */
  restart(): void {
    this.#deleted = new Set();
  }

  /** A user put something there since: the name is none of those that are missing. */
  isBack(name: string): void {
    this.#deleted.delete(name);
  }

  /** @param lastContent what names were before the engine ended them. @throws Violation */
  heard({ kind, name, side, serial }: RecordedHistoryEvent, lastContent: ReadonlyMap<string, string>): void {
    const { database, pairId, holdNames } = this.#parts;
    if (kind === 'operator') {
      this.restart();
      if (serial !== null) this.#approved.add(serial);
      return;
    }
    if (kind !== 'acknowledged' || name === null) return;
    const rows = database.rows(pairId);
    const synced = rows.filter(({ sync }) => sync.kind !== 'absent');
    if (synced.some((row) => row.name === name)) {
      this.#deleted.delete(name);
    } else if (
      side !== null &&
      !this.#approved.has(serial ?? 0n) &&
      this.#isNoRename(name, lastContent.get(name))
    ) {
      this.#deleted.add(name);
    }
    const { size } = this.#deleted;
    this.#mostNames = Math.max(this.#mostNames, synced.length + size);
    if (size > holdNames && size * 100 > PERCENT * this.#mostNames) {
      throw new Violation(7, 'a mass delete, and nobody approved it', [...this.#deleted].join(', '));
    }
  }

  /** Whether it ended a content that never was at another name. */
  #isNoRename(name: string, content: string | undefined): boolean {
    return content !== undefined && isContent(content) && !this.#parts.book.wasElsewhere(name, content);
  }
}
