/**
 * Fleet limits: what every process keeps to before it asks a store for anything. The rules come
 * from the database and the pauses from the meter, both read at most once a second, so that
 * without limits nothing is asked per file. While the meter is away each process keeps to its
 * share of the rules it knows: never to nothing, never to all of it.
 */
import { type Bucket, grantBytes, type Pause, pauseAfter, take } from '#core/limits.ts';
import { holdsAt, parseTimetable } from '#core/timetable.ts';
import type { Clock } from '#ports/clock.ts';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { Gate, LimitBook, LimitRule, LimitScope, Meter, Metered, Rates } from '#ports/limits.ts';
import type { Log } from '#ports/log.ts';
import type { Telemetry } from '#ports/telemetry.ts';

export interface FleetLimitsDeps {
  readonly book: Pick<LimitBook, 'read'>;
  /** Null where processes share none: each keeps to its share, always. */
  readonly meter: Meter | null;
  readonly clock: Clock;
  readonly log: Log;
  readonly telemetry?: Pick<Telemetry, 'tell'>;
}

/** How old rules and pauses may be. */
const FRESH_MS = 1_000;
/** How long a request waits for newer ones while it has old ones. */
const PATIENCE_MS = 300;
/** So often one who waits looks whether the rules changed. */
const LOOK_MS = 250;
/** A meter that failed is not asked again for so long. */
const AWAY_MS = 2_000;
/** A store that asks for a longer pause gets it from the queue, not from a waiting worker. */
const LONGEST_WAIT_MS = 5_000;
/** Those who waited for a store come back over so long, not all at once. */
const SPREAD_MS = 500;

interface Known {
  readonly rules: readonly LimitRule[];
  /** How many processes share the rules. */
  readonly processes: number;
  /** Until when stores are left alone, milliseconds since the epoch. */
  readonly pauses: ReadonlyMap<number, number>;
  readonly at: number;
}

type Quantity = 'bytes' | 'requests';

export class FleetLimits {
  readonly #deps: FleetLimitsDeps;
  #known: Known | null = null;
  #reading: Promise<void> | null = null;
  #meterAwayUntil = 0;
  readonly #ownBuckets = new Map<string, Bucket>();
  readonly #ownPauses = new Map<number, Pause>();

  constructor(deps: FleetLimitsDeps) {
    this.#deps = deps;
  }

  /** For the requests of one pair to its store. */
  gate(storeId: number, pairId: number): Gate {
    const of = { storeId, pairId };
    return {
      request: async (signal) => {
        await this.#waitForStore(storeId, signal);
        await this.#pass(of, 'requests', 1, signal);
      },
      bytes: (amount, signal) => this.#pass(of, 'bytes', amount, signal),
      isSlow: () => this.#metered(of, 'bytes').length > 0,
      grant: () =>
        Math.min(...this.#metered(of, 'bytes').map(({ perSecond }) => grantBytes(perSecond)), WIDE_GRANT),
      throttled: (askedMs) => this.#throttled(storeId, askedMs),
    };
  }

  async close(): Promise<void> {
    await this.#deps.meter?.close();
  }

  async #pass(of: Of, quantity: Quantity, amount: number, signal: AbortSignal | undefined): Promise<void> {
    await this.#refreshed();
    const metered = this.#metered(of, quantity);
    if (metered.length === 0 || amount <= 0) return;
    const { clock, telemetry } = this.#deps;
    const waitMs = await this.#take(metered, amount);
    const began = clock.now();
    const asTaken = JSON.stringify(metered);
    for (let left = waitMs; left > 0; left = began + waitMs - clock.now()) {
      await clock.sleep(Math.min(left, LOOK_MS), signal);
      signal?.throwIfAborted();
      await this.#refreshed();
      // Other rules hold now: what was taken stays owed in its bucket, for whoever takes next.
      if (JSON.stringify(this.#metered(of, quantity)) !== asTaken) break;
    }
    if (waitMs > 0) telemetry?.tell({ kind: 'limited', because: quantity, waitedMs: clock.now() - began });
  }

  async #waitForStore(storeId: number, signal: AbortSignal | undefined): Promise<void> {
    await this.#refreshed();
    const { clock, telemetry } = this.#deps;
    const began = clock.now();
    for (;;) {
      const until = Math.max(this.#known?.pauses.get(storeId) ?? 0, this.#ownPauses.get(storeId)?.until ?? 0);
      const left = until - clock.now();
      if (left <= 0) break;
      if (clock.now() - began + left > LONGEST_WAIT_MS) {
        throw new HoldfastError(
          'store-throttled',
          `the store asked to be left alone for another ${Math.ceil(left / 1_000)} s; it is asked again then`,
          { retryAfterMs: left + Math.round(clock.random() * SPREAD_MS) },
        );
      }
      await clock.sleep(left + Math.round(clock.random() * SPREAD_MS), signal);
      signal?.throwIfAborted();
    }
    const waitedMs = clock.now() - began;
    if (waitedMs > 0) telemetry?.tell({ kind: 'limited', because: 'store', waitedMs });
  }

  #throttled(storeId: number, askedMs: number | null): void {
    const { clock, log, meter } = this.#deps;
    // Known here at once, and for the case that the meter is away.
    const own = pauseAfter(this.#ownPauses.get(storeId) ?? null, askedMs, clock.now());
    this.#ownPauses.set(storeId, own);
    log.info({ storeId, pauseMs: own.until - clock.now() }, 'a store asks to slow down; it is left alone');
    if (meter === null || clock.now() < this.#meterAwayUntil) return;
    meter.pause(storeId, askedMs).then(
      (ms) => {
        const known = this.#known;
        if (known === null) return;
        this.#known = { ...known, pauses: new Map(known.pauses).set(storeId, clock.now() + ms) };
      },
      (thrown) => this.#meterFailed(thrown),
    );
  }

  /** The buckets that one more of this is taken from. */
  #metered({ storeId, pairId }: Of, quantity: Quantity): readonly Metered[] {
    const rules = this.#known?.rules ?? [];
    const now = this.#deps.clock.now();
    const scopes: readonly (readonly [string, LimitScope])[] = [
      ['fleet', { storeId: null, pairId: null }],
      [`store:${storeId}`, { storeId, pairId: null }],
      [`pair:${pairId}`, { storeId: null, pairId }],
    ];
    return scopes.flatMap(([name, scope]) => {
      const perSecond = rateAt(rules, scope, quantity, now);
      return perSecond === null ? [] : [{ name: `${quantity}:${name}`, perSecond }];
    });
  }

  async #take(metered: readonly Metered[], amount: number): Promise<number> {
    const { meter, clock } = this.#deps;
    if (meter !== null && clock.now() >= this.#meterAwayUntil) {
      try {
        return await meter.take(metered, amount);
      } catch (thrown) {
        this.#meterFailed(thrown);
      }
    }
    const share = Math.max(1, this.#known?.processes ?? 1);
    const waits = metered.map(({ name, perSecond }) => {
      const taken = take(this.#ownBuckets.get(name) ?? null, perSecond / share, amount, clock.now());
      this.#ownBuckets.set(name, taken.bucket);
      return taken.waitMs;
    });
    return Math.max(...waits);
  }

  #meterFailed(thrown: unknown): void {
    const { clock, log } = this.#deps;
    if (clock.now() >= this.#meterAwayUntil) {
      const err = asHoldfastError(thrown).message;
      log.warn({ err }, 'limits cannot be shared; this process keeps to its own share of them');
    }
    this.#meterAwayUntil = clock.now() + AWAY_MS;
  }

  async #refreshed(): Promise<void> {
    const { clock } = this.#deps;
    if (this.#known !== null && clock.now() - this.#known.at < FRESH_MS) return;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = null;
    });
    if (this.#known === null) return this.#reading;
    const enough = new AbortController();
    await Promise.race([this.#reading, clock.sleep(PATIENCE_MS, enough.signal)]);
    enough.abort();
  }

  /** @throws what the book throws when nothing is known yet: nobody may believe that there are no limits. */
  async #read(): Promise<void> {
    const { book, clock, log } = this.#deps;
    try {
      const [{ rules, processes }, pauses] = await Promise.all([book.read(), this.#readPauses()]);
      this.#known = { rules, processes, pauses, at: clock.now() };
    } catch (thrown) {
      if (this.#known === null) throw thrown;
      log.debug({ err: asHoldfastError(thrown).message }, 'limits could not be read; those known still hold');
      this.#known = { ...this.#known, at: clock.now() };
    }
  }

  async #readPauses(): Promise<Known['pauses']> {
    const { meter, clock } = this.#deps;
    const before = this.#known?.pauses ?? new Map<number, number>();
    if (meter === null || clock.now() < this.#meterAwayUntil) return before;
    try {
      const left = await meter.pauses();
      return new Map([...left].map(([storeId, ms]) => [storeId, clock.now() + ms]));
    } catch (thrown) {
      this.#meterFailed(thrown);
      return before;
    }
  }
}

interface Of {
  readonly storeId: number;
  readonly pairId: number;
}

/** Where bytes are not limited, so that a limit set meanwhile is noticed within a body. */
const WIDE_GRANT = 256 * 1_024;

/** Rules with a timetable that holds now come before the one without; the strictest of them counts. */
export function rateAt(
  rules: readonly LimitRule[],
  scope: LimitScope,
  quantity: Quantity,
  now: number,
): number | null {
  let always: number | null = null;
  let timed: number | null = null;
  for (const rule of rules) {
    if (rule.storeId !== scope.storeId || rule.pairId !== scope.pairId) continue;
    const rate = rateOf(rule, quantity);
    if (rate === null) continue;
    if (rule.timetable === null) always = rate;
    else if (isHolding(rule.timetable, now)) timed = Math.min(timed ?? rate, rate);
  }
  return timed ?? always;
}

function rateOf(rates: Rates, quantity: Quantity): number | null {
  return quantity === 'bytes' ? rates.bytesPerSecond : rates.requestsPerSecond;
}

/** One that cannot be read, as after a zone was renamed, holds: too slow is seen, too fast is not. */
export function isHolding(timetable: string, now: number): boolean {
  const read = parseTimetable(timetable);
  return read === null || holdsAt(read, now);
}
