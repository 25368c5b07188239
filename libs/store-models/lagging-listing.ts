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
  readonly isDeleted: boolean;
  readonly bytes: number;
  readonly hash: string;
  readonly type: string;
  /** Id of the version that the row stands for or leads to; null where there is none. */
  readonly version: string | null;
}

export interface LagOptions {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds until the next report arrives; may be Infinity. */
  lag(): number;
}

export class LaggingListing {
  readonly #options: LagOptions;
  readonly #shown = new Map<string, Row>();
  #underWay: { readonly dueAt: number; readonly row: Row }[] = [];
  /** Sorted; null when something changed since. */
  #sorted: readonly Row[] | null = [];

  constructor(options: LagOptions) {
    this.#options = options;
  }

  report(row: Row): void {
    const lag = this.#options.lag();
    if (lag > 0) this.#underWay.push({ dueAt: this.#options.now() + lag, row });
    else this.#show(row);
  }

  /** Rows in order of their keys, as known by now. */
  rows(): readonly Row[] {
    if (this.#underWay.length > 0) this.#arrive(this.#options.now());
    this.#sorted ??= [...this.#shown.values()]
      .filter((row) => !row.isDeleted)
      .sort((left, right) => compareNames(left.key, right.key));
    return this.#sorted;
  }

  /** All reports arrive, as when the updaters have run. */
  settle(): void {
    this.#arrive(Number.POSITIVE_INFINITY);
  }

  #arrive(now: number): void {
    const late = this.#underWay.filter(({ dueAt }) => dueAt > now);
    for (const { dueAt, row } of this.#underWay) if (dueAt <= now) this.#show(row);
    this.#underWay = late;
  }

  #show(row: Row): void {
    const known = this.#shown.get(row.key);
    if (known !== undefined && known.stamp >= row.stamp) return;
    this.#shown.set(row.key, row);
    this.#sorted = null;
  }
}
