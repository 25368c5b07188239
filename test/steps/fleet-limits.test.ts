/** What a process keeps to before it asks a store for anything. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryMeter } from '#libs/memory/meter.ts';
import type { LimitRule, Meter } from '#ports/limits.ts';
import type { Told } from '#ports/telemetry.ts';
import { FleetLimits, isHolding, rateAt } from '#steps/fleet-limits.ts';
import { SILENT } from '#test/support/engine.ts';

const RULE: LimitRule = {
  storeId: null,
  pairId: null,
  timetable: null,
  bytesPerSecond: 1_000,
  requestsPerSecond: null,
};

/** Time that passes only by sleeping, for everybody at once. */
class SleptClock {
  #now = 1_700_000_000_000;
  #slept = 0;
  now = (): number => this.#now;
  random = (): number => 0;
  uniqueId = (): string => 'id';
  get slept(): number {
    return this.#slept;
  }
  pass(ms: number): void {
    this.#now += ms;
  }
  // Races and timeouts of no concern end by themselves; only what is due at once moves time.
  sleep = async (ms: number, signal?: AbortSignal): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    if (signal?.aborted) return;
    this.#slept += ms;
    this.#now += ms;
  };
}

interface Stand {
  readonly clock: SleptClock;
  readonly told: Told[];
  rules: readonly LimitRule[];
  processes: number;
  reads: number;
  bookFails: boolean;
}

function stand(rules: readonly LimitRule[] = []): Stand {
  return { clock: new SleptClock(), told: [], rules, processes: 4, reads: 0, bookFails: false };
}

function limitsOf(at: Stand, meter: Meter | null): FleetLimits {
  const book = {
    read: async () => {
      at.reads += 1;
      if (at.bookFails) throw new Error('the database is away');
      return { rules: at.rules, processes: at.processes };
    },
  };
  const telemetry = { tell: (told: Told) => void at.told.push(told) };
  return new FleetLimits({ book, meter, clock: at.clock, log: SILENT, telemetry });
}

/** Counts what it is asked, and can be away. */
function countedMeter(at: Stand): Meter & { takes: number; looks: number; isAway: boolean } {
  const meter = createMemoryMeter(at.clock);
  const counted = {
    takes: 0,
    looks: 0,
    isAway: false,
    take: async (...args: Parameters<Meter['take']>) => {
      counted.takes += 1;
      if (counted.isAway) throw new Error('Redis is away');
      return meter.take(...args);
    },
    pause: async (...args: Parameters<Meter['pause']>) => {
      if (counted.isAway) throw new Error('Redis is away');
      return meter.pause(...args);
    },
    pauses: async () => {
      counted.looks += 1;
      if (counted.isAway) throw new Error('Redis is away');
      return meter.pauses();
    },
    close: async () => {},
  };
  return counted;
}

describe('fleet limits', () => {
  it('without limits nothing is asked per request, and rules are read once a second', async () => {
    const at = stand();
    const meter = countedMeter(at);
    const gate = limitsOf(at, meter).gate(1, 1);
    for (let times = 0; times < 100; times += 1) {
      await gate.request();
      await gate.bytes(1_000_000);
    }
    assert.deepEqual([meter.takes, meter.looks, at.reads, at.clock.slept], [0, 1, 1, 0]);
    at.clock.pass(1_000);
    await gate.request();
    assert.equal(at.reads, 2);
  });

  it('all processes share a limit, which is for the store, the pair and the fleet', async () => {
    const at = stand([{ ...RULE, storeId: 1 }]);
    const meter = countedMeter(at);
    const [one, other] = [limitsOf(at, meter).gate(1, 1), limitsOf(at, meter).gate(1, 2)];
    await one.bytes(500);
    await other.bytes(1_000);
    assert.equal(at.clock.slept, 1_000);
    await limitsOf(at, meter).gate(2, 3).bytes(1_000_000);
    assert.equal(at.clock.slept, 1_000);
    assert.deepEqual(at.told, [{ kind: 'limited', because: 'bytes', waitedMs: 1_000 }]);
  });

  it('a rule that changes lets go who waits within two seconds', async () => {
    const at = stand([{ ...RULE, bytesPerSecond: 1 }]);
    const gate = limitsOf(at, countedMeter(at)).gate(1, 1);
    const waiting = gate.bytes(1_000_000);
    await new Promise((resolve) => setImmediate(resolve));
    at.rules = [];
    const began = at.clock.now();
    await waiting;
    assert.ok(at.clock.now() - began <= 2_000);
  });

  it('while the meter is away a process keeps to its share, and asks again later', async () => {
    const at = stand([RULE]);
    const meter = countedMeter(at);
    const gate = limitsOf(at, meter).gate(1, 1);
    meter.isAway = true;
    await gate.bytes(125);
    assert.equal(at.clock.slept, 0);
    await gate.bytes(250);
    assert.equal(at.clock.slept, 1_000);
    const { takes } = meter;
    await gate.bytes(250);
    assert.equal(meter.takes, takes);
    meter.isAway = false;
    at.clock.pass(2_000);
    await gate.bytes(1);
    assert.equal(meter.takes, takes + 1);
  });

  it('keeps to the rules it knows while the database is away, and to none without having read them', async () => {
    const at = stand([RULE]);
    at.bookFails = true;
    const gate = limitsOf(at, countedMeter(at)).gate(1, 1);
    await assert.rejects(gate.request(), /the database is away/);
    at.bookFails = false;
    await gate.bytes(500);
    at.bookFails = true;
    at.clock.pass(60_000);
    await gate.bytes(1_500);
    assert.equal(at.clock.slept, 1_000);
  });

  it('a store that asks to slow down is left alone by all processes, and other stores are not', async () => {
    const at = stand();
    const meter = countedMeter(at);
    const [one, other] = [limitsOf(at, meter), limitsOf(at, meter)];
    one.gate(1, 1).throttled(2_000);
    await other.gate(2, 2).request();
    assert.equal(at.clock.slept, 0);
    await other.gate(1, 3).request();
    assert.equal(at.clock.slept, 2_000);
    assert.deepEqual(at.told, [{ kind: 'limited', because: 'store', waitedMs: 2_000 }]);
  });

  it('a pause that is too long to wait for goes back to the queue', async () => {
    const at = stand();
    const gate = limitsOf(at, null).gate(1, 1);
    gate.throttled(60_000);
    await assert.rejects(gate.request(), { code: 'store-throttled', retryAfterMs: 60_000 });
    assert.equal(at.clock.slept, 0);
  });

  it('a wait ends with the request that waits', async () => {
    const at = stand([{ ...RULE, requestsPerSecond: 0.01 }]);
    const gate = limitsOf(at, countedMeter(at)).gate(1, 1);
    await gate.request();
    await assert.rejects(gate.request(AbortSignal.abort(new Error('over'))), /over/);
  });
});

describe('rules', () => {
  const noon = Date.parse('2026-01-05T12:00:00Z');
  const fleet = { storeId: null, pairId: null };

  it('one whose timetable holds comes before the one without, and the strictest counts', () => {
    const at = (timetable: string | null, bytesPerSecond: number) => ({ ...RULE, timetable, bytesPerSecond });
    const rules = [
      at(null, 10),
      at('mon 08:00-18:00 UTC', 50),
      at('daily 11:00-13:00 UTC', 40),
      at('sun 08:00-18:00 UTC', 1),
    ];
    assert.equal(rateAt(rules, fleet, 'bytes', noon), 40);
    assert.equal(rateAt(rules, fleet, 'bytes', noon + 8 * 3_600_000), 10);
    assert.equal(rateAt(rules, fleet, 'requests', noon), null);
    assert.equal(rateAt(rules, { storeId: 1, pairId: null }, 'bytes', noon), null);
  });

  it('a timetable that cannot be read holds', () => {
    assert.equal(isHolding('mon 08:00-18:00 Mars/Olympus', noon), true);
  });
});
