// Counters of what clients asked for, so that tests and benchmarks can say
// "this pass cost one listing and no upload" instead of guessing from time.

export interface Stats {
  readonly total: number;
  readonly byMethod: Readonly<Record<string, number>>;
  readonly byKind: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<string, number>>;
  /** Declared request body bytes (chunked bodies count as 0). */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export class Counters {
  #total = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #byMethod = new Map<string, number>();
  #byKind = new Map<string, number>();
  #byStatus = new Map<string, number>();

  countRequest(method: string, kind: string, bytesIn: number): void {
    this.#total++;
    this.#bytesIn += bytesIn;
    increment(this.#byMethod, method);
    increment(this.#byKind, kind);
  }

  countReply(status: number): void {
    increment(this.#byStatus, String(status));
  }

  countBytesOut(bytes: number): void {
    this.#bytesOut += bytes;
  }

  read(): Stats {
    return {
      total: this.#total,
      byMethod: Object.fromEntries(this.#byMethod),
      byKind: Object.fromEntries(this.#byKind),
      byStatus: Object.fromEntries(this.#byStatus),
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
    };
  }

  reset(): void {
    this.#total = 0;
    this.#bytesIn = 0;
    this.#bytesOut = 0;
    this.#byMethod.clear();
    this.#byKind.clear();
    this.#byStatus.clear();
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
