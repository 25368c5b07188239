/**
 * Lagging listing: what a container server knows of its objects. Object servers report each
 * change, and a report may arrive late, on its own or long after later ones: the row with the
 * newest stamp is shown, whatever the order in which rows arrive.
 */
import { compareNames } from '#core/name.ts';

export interface Row {
  /** What rows are ordered by. */
  readonly key: string;
  readonly name: string;
  /** Time of the write; of equal length for all, so stamps compare as text. */
  readonly stamp: string;
  /** The same as listings show it. */
  readonly lastModified: string;
  readonly isDeleted: boolean;
  readonly bytes: number;
  readonly hash: string;
  /** Of a static large object: what reads of it show as their ETag, and how long its list of segments is. */
  readonly list: { readonly tag: string; readonly bytes: number } | null;
  readonly type: string;
  /** Id of the version that the row stands for or leads to; null where there is none. */
  readonly version: string | null;
  /** Whether the row leads to a version that is listed elsewhere with its bytes. */
  readonly isLink: boolean;
}

export interface LagOptions {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds until the next report arrives; may be Infinity. */
  lag(): number;
}

export class LaggingListing {
  readonly #options: LagOptions;
  /** The newest row of each key, deletions too. */
  readonly #known = new Map<string, Row>();
  /** Those that are no deletions, in order of their keys. */
  readonly #shown: Row[] = [];
  #bytes = 0;
  #underWay: { readonly dueAt: number; readonly row: Row }[] = [];

  constructor(options: LagOptions) {
    this.#options = options;
  }

  report(row: Row): void {
    const lag = this.#options.lag();
    if (lag > 0) this.#underWay.push({ dueAt: this.#options.now() + lag, row });
    else this.#arrived(row);
  }

  /** How many rows there are, and the bytes of those that are no links, as known by now; of large objects those of their lists. */
  totals(): { readonly rows: number; readonly bytes: number } {
    this.#catchUp(this.#options.now());
    return { rows: this.#shown.length, bytes: this.#bytes };
  }

  /** At most `limit` rows whose keys begin with `prefix` and come after `marker`, as known by now. */
  page(prefix: string, marker: string, limit: number): Row[] {
    this.#catchUp(this.#options.now());
    const page: Row[] = [];
    for (
      let index = this.#positionOf(compareNames(marker, prefix) > 0 ? marker : prefix);
      page.length < limit;
      index += 1
    ) {
      const row = this.#shown[index];
      if (row === undefined || !row.key.startsWith(prefix)) break;
      if (row.key !== marker) page.push(row);
    }
    return page;
  }

  /** All reports arrive, as when the updaters have run. */
  settle(): void {
    this.#catchUp(Number.POSITIVE_INFINITY);
  }

  #catchUp(now: number): void {
    if (this.#underWay.length === 0) return;
    const reports = this.#underWay;
    this.#underWay = reports.filter(({ dueAt }) => dueAt > now);
    for (const { dueAt, row } of reports) if (dueAt <= now) this.#arrived(row);
  }

  #arrived(row: Row): void {
    const before = this.#known.get(row.key);
    if (before !== undefined && before.stamp >= row.stamp) return;
    this.#known.set(row.key, row);
    const wasShown = before !== undefined && !before.isDeleted;
    const position = this.#positionOf(row.key);
    this.#shown.splice(position, wasShown ? 1 : 0, ...(row.isDeleted ? [] : [row]));
    this.#bytes += bytesOf(row) - (wasShown ? bytesOf(before) : 0);
  }

  /** Where the first row stands whose key is not before this one. */
  #positionOf(key: string): number {
    let low = 0;
    let high = this.#shown.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = this.#shown[middle];
      if (row !== undefined && compareNames(row.key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function bytesOf(row: Row): number {
  return row.isDeleted || row.isLink ? 0 : (row.list?.bytes ?? row.bytes);
}
