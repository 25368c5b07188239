/**
 * Follow fleet: keeps in memory what pages would have to count anew each time: what each pair
 * holds, what it moves just now, and what all of them moved in each minute of the last hour.
 * It reads events once, as they come, and counts a pair again only after something moved in it.
 */
import type { Clock } from '#ports/clock.ts';
import type { ThroughputPoint } from '#ports/desk.ts';
import type { Log } from '#ports/log.ts';
import type { Moved, Overview, Tally } from '#ports/overview.ts';
import { repeat } from '../repeat.ts';

const LOOK_MS = 1_000;
const EVENTS_AT_ONCE = 20_000;
/** Of an earlier hour, which began before this process did, no more than this is read. */
const EVENTS_BEFORE = 200_000n;
const MINUTES = 60;
const MINUTE_MS = 60_000;
/** What a rate is taken over. */
const RATE_MS = 30_000;
/** A pair that moved nothing for so long has ended its run; the next transfer begins another one. */
const RUN_ENDS_MS = 20_000;
const COUNT_AT_ONCE = 200;
/** A pair is not counted again sooner than this many times what counting took. */
const COUNT_SHARE = 20;

export interface FollowDeps {
  readonly overview: Overview;
  readonly clock: Clock;
  readonly log: Log;
}

/** What a pair moved since it began to move something, and how fast it goes. */
export interface Run {
  readonly files: number;
  readonly bytes: number;
  readonly filesRate: number;
  readonly bytesRate: number;
}

const NO_RUN: Run = { files: 0, bytes: 0, filesRate: 0, bytesRate: 0 };

interface Sample {
  readonly at: number;
  readonly files: number;
  readonly bytes: number;
}

interface RunMemory {
  files: number;
  bytes: number;
  movedAt: number;
  samples: readonly Sample[];
}

export class FleetFollower {
  private readonly deps: FollowDeps;
  private readonly tallies = new Map<number, Tally>();
  private readonly runs = new Map<number, RunMemory>();
  private readonly minutes = new Map<number, { files: number; bytes: number }>();
  private recent: readonly Sample[] = [];
  /** Pairs to count again. */
  private readonly uncounted = new Set<number>();
  private countAgainAt = 0;
  private event: bigint | null = null;

  constructor(deps: FollowDeps) {
    this.deps = deps;
  }

  /** Follows until the signal is aborted. */
  run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.deps;
    const work = () => this.look();
    return repeat(work, { clock, log, pauseMs: LOOK_MS, what: 'following the fleet' }, signal);
  }

  tally(pairId: number): Tally | null {
    return this.tallies.get(pairId) ?? null;
  }

  runOf(pairId: number): Run {
    const run = this.runs.get(pairId);
    if (run === undefined) return NO_RUN;
    const now = this.deps.clock.now();
    if (now - run.movedAt > RUN_ENDS_MS) return NO_RUN;
    return { files: run.files, bytes: run.bytes, ...rateOf(run.samples, now) };
  }

  fleetRate(): { readonly filesRate: number; readonly bytesRate: number } {
    return rateOf(this.recent, this.deps.clock.now());
  }

  throughput(): readonly ThroughputPoint[] {
    const last = Math.floor(this.deps.clock.now() / MINUTE_MS);
    return Array.from({ length: MINUTES }, (_, index) => {
      const minute = last - MINUTES + 1 + index;
      const moved = this.minutes.get(minute) ?? { files: 0, bytes: 0 };
      return { at: minute * 60, ...moved };
    });
  }

  private async look(): Promise<void> {
    await this.readEvents();
    await this.count();
    this.forget();
  }

  private async readEvents(): Promise<void> {
    const { overview, clock } = this.deps;
    const isFirst = this.event === null;
    if (this.event === null) {
      const latest = await overview.latestEvent();
      this.event = latest > EVENTS_BEFORE ? latest - EVENTS_BEFORE : 0n;
      for (const id of await overview.pairIds()) this.uncounted.add(id);
    }
    for (;;) {
      const { event, moved } = await overview.movedSince(this.event, EVENTS_AT_ONCE);
      if (event === this.event) return;
      this.event = event;
      this.take(moved, clock.now(), isFirst);
    }
  }

  private take(moved: readonly Moved[], now: number, isPast: boolean): void {
    let files = 0;
    let bytes = 0;
    for (const each of moved) {
      const minute = Math.floor(each.minute.getTime() / MINUTE_MS);
      const sum = this.minutes.get(minute) ?? { files: 0, bytes: 0 };
      this.minutes.set(minute, { files: sum.files + each.files, bytes: sum.bytes + each.bytes });
      this.uncounted.add(each.pairId);
      if (isPast || each.files === 0) continue;
      files += each.files;
      bytes += each.bytes;
      this.addToRun(each, now);
    }
    if (files > 0) this.recent = [...this.recent, { at: now, files, bytes }];
  }

  private addToRun({ pairId, files, bytes }: Moved, now: number): void {
    const known = this.runs.get(pairId);
    const run =
      known === undefined || now - known.movedAt > RUN_ENDS_MS
        ? { files: 0, bytes: 0, movedAt: now, samples: [] }
        : known;
    this.runs.set(pairId, {
      files: run.files + files,
      bytes: run.bytes + bytes,
      movedAt: now,
      samples: [...within(run.samples, now), { at: now, files, bytes }],
    });
  }

  private async count(): Promise<void> {
    const { overview, clock } = this.deps;
    if (this.uncounted.size === 0 || clock.now() < this.countAgainAt) return;
    const ids = [...this.uncounted].slice(0, COUNT_AT_ONCE);
    const startedAt = clock.now();
    const counted = new Map((await overview.tallies(ids)).map((tally) => [tally.pairId, tally]));
    for (const pairId of ids) {
      this.uncounted.delete(pairId);
      this.tallies.set(pairId, counted.get(pairId) ?? { pairId, files: 0, directories: 0, bytes: 0 });
    }
    const tookMs = clock.now() - startedAt;
    this.countAgainAt = this.uncounted.size > 0 ? 0 : clock.now() + tookMs * COUNT_SHARE;
  }

  private forget(): void {
    const now = this.deps.clock.now();
    const oldest = Math.floor(now / MINUTE_MS) - MINUTES;
    for (const minute of this.minutes.keys()) if (minute <= oldest) this.minutes.delete(minute);
    for (const [id, run] of this.runs) if (now - run.movedAt > RUN_ENDS_MS) this.runs.delete(id);
    this.recent = within(this.recent, now);
  }
}

function within(samples: readonly Sample[], now: number): readonly Sample[] {
  return samples.filter(({ at }) => now - at <= RATE_MS);
}

/** Over the time since the first sample that counts, which is shorter when the run has just begun. */
function rateOf(
  samples: readonly Sample[],
  now: number,
): { readonly filesRate: number; readonly bytesRate: number } {
  const counted = within(samples, now);
  const first = counted[0];
  if (first === undefined) return { filesRate: 0, bytesRate: 0 };
  const seconds = (now - first.at + LOOK_MS) / 1_000;
  const sum = (of: (sample: Sample) => number) => counted.reduce((total, sample) => total + of(sample), 0);
  return {
    filesRate: sum(({ files }) => files) / seconds,
    bytesRate: sum(({ bytes }) => bytes) / seconds,
  };
}
