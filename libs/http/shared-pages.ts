/**
 * Shared pages: rows of many names from one page of a listing. Commits that ask at about the same time
 * mostly wrote neighbours, and one page shows what became of all of them: whoever asks while a
 * page is under way waits for the next one, so the busier a store, the fewer requests a commit.
 */
import { compareNames } from '#core/name.ts';

export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly isEnd: boolean;
}

/** A kind of listing, in order of the bytes of names, with all rows of one name together. */
export interface Listing<Row> {
  /** Rows of names after `after`, at most `limit`, all of which begin with `prefix` or else are of no interest. */
  page(after: string, limit: number, prefix: string): Promise<Page<Row>>;
  nameOf(row: Row): string;
}

/** Rows that a page has for each name that was asked for, and for others in between. */
const ROWS_PER_NAME = 4;
const MORE_ROWS = 12;
const NAMES_AT_ONCE = 200;

interface Asked<Row> {
  readonly name: string;
  resolve(rows: readonly Row[] | null): void;
  reject(reason: unknown): void;
}

export class SharedPages<Row> {
  readonly #listing: Listing<Row>;
  #asked: Asked<Row>[] = [];
  #isReading = false;

  constructor(listing: Listing<Row>) {
    this.#listing = listing;
  }

  /** Rows of exactly this name in a listing that began after the call, in its order; null when the page cut them off. */
  read(name: string): Promise<readonly Row[] | null> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ name, resolve, reject });
      if (!this.#isReading) void this.#readAll();
    });
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    // Those that were asked for in the same turn share the first page.
    await Promise.resolve();
    while (this.#asked.length > 0) await this.#readPage();
    this.#isReading = false;
  }

  async #readPage(): Promise<void> {
    const sorted = this.#asked.toSorted((a, b) => compareNames(a.name, b.name));
    const chosen = sorted.slice(0, NAMES_AT_ONCE);
    this.#asked = sorted.slice(NAMES_AT_ONCE);
    const limit = MORE_ROWS + ROWS_PER_NAME * chosen.length;
    const [first] = chosen as [Asked<Row>];
    try {
      const prefix = directoryOf(first.name, chosen.at(-1)?.name ?? '');
      const { rows, isEnd } = await this.#listing.page(justBefore(first.name), limit, prefix);
      // Of the last name of a page that is not the end there may be more.
      const last = isEnd ? undefined : rows.at(-1);
      const end = last === undefined ? null : this.#listing.nameOf(last);
      const byName = Map.groupBy(rows, (row) => this.#listing.nameOf(row));
      for (const asked of chosen) this.#answer(asked, byName, end, asked === first);
    } catch (thrown) {
      for (const asked of chosen) asked.reject(thrown);
    }
  }

  #answer(
    asked: Asked<Row>,
    byName: ReadonlyMap<string, readonly Row[]>,
    end: string | null,
    isFirst: boolean,
  ): void {
    const isShown = end === null || compareNames(asked.name, end) < 0;
    if (isShown) asked.resolve(byName.get(asked.name) ?? []);
    else if (isFirst || asked.name === end) asked.resolve(null);
    else this.#asked.push(asked);
  }
}

/** What all names between these two, in order, are below; empty or with a slash at its end. */
function directoryOf(first: string, last: string): string {
  let same = 0;
  while (same < first.length && first[same] === last[same]) same += 1;
  return first.slice(0, first.lastIndexOf('/', same - 1) + 1);
}

/** A marker that nothing but this name follows closely: names with U+10FFFF in their place are not worth a thought. */
function justBefore(name: string): string {
  const points = [...name];
  const last = points.pop()?.codePointAt(0) ?? 0;
  // Half of a surrogate pair is no character.
  const previous = last === 0xe000 ? 0xd7ff : last - 1;
  return previous < 0 ? points.join('') : `${points.join('')}${String.fromCodePoint(previous, 0x10ffff)}`;
}
