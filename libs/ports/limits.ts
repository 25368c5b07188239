/**
 * Limits: how much the fleet may do to its stores a second. The book holds what operators set
 * and is the truth; the meter is what all processes share to keep to it, and may be lost.
 */

/** What a limit is for; both null: the whole fleet. Never both set. */
export interface LimitScope {
  readonly storeId: number | null;
  readonly pairId: number | null;
}

export interface Rates {
  /** Content and everything else in bodies, up and down together; null: not limited. */
  readonly bytesPerSecond: number | null;
  readonly requestsPerSecond: number | null;
}

export interface LimitRule extends LimitScope, Rates {
  /** When it holds, as libs/core/timetable.ts writes it; null: whenever no timetable of its scope says otherwise. */
  readonly timetable: string | null;
}

export interface LimitBook {
  /** All rules, those of the fleet first, then by store, then by pair, and how many processes work on stores now. */
  read(): Promise<{ readonly rules: readonly LimitRule[]; readonly processes: number }>;
  /** Replaces the rule of the same scope and timetable. @throws HoldfastError not-found when the store or pair is gone */
  set(rule: LimitRule): Promise<void>;
  /** Forgets all rules of a scope, or the one of a timetable. @returns how many there were. */
  clear(scope: LimitScope, timetable: string | null): Promise<number>;
}

/** Something that is taken at a rate, by its name. */
export interface Metered {
  readonly name: string;
  /** Above 0. */
  readonly perSecond: number;
}

/** Shared by all processes. Each call is atomic, and fails within a second where nobody answers. */
export interface Meter {
  /** Takes the amount of each of them, whatever there is. @returns milliseconds until all of it is paid. */
  take(from: readonly Metered[], amount: number): Promise<number>;
  /** A store asked to be left alone. @returns for how many milliseconds from now everybody leaves it alone. */
  pause(storeId: number, askedMs: number | null): Promise<number>;
  /** Stores to be left alone, with the milliseconds left. */
  pauses(): Promise<ReadonlyMap<number, number>>;
  close(): Promise<void>;
}

/** What stands between an adapter and its store. */
export interface Gate {
  /**
   * Resolves when one more request may be sent.
   * @throws HoldfastError store-throttled when the store is left alone for longer than is worth waiting; the signal's reason
   */
  request(signal?: AbortSignal): Promise<void>;
  /** Resolves when so many more bytes may pass. @throws the signal's reason */
  bytes(amount: number, signal?: AbortSignal): Promise<void>;
  /** Whether bytes are limited now. */
  isSlow(): boolean;
  /** How many bytes may pass between two calls of `bytes`. */
  grant(): number;
  /** The store refused a request for now. @param askedMs how long it wants to be left alone; null when it did not say. */
  throttled(askedMs: number | null): void;
}
