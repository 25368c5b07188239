/**
 * Watch pairs: holds leases on pairs, listens to their folders, and scans them at start, on
 * a schedule, on request and whenever events may have been lost. A watcher that dies loses
 * its leases within one lease time, and whoever takes a pair over scans it first.
 */
import { continuityOf } from '#core/generation.ts';
import type { Name } from '#core/name.ts';
import type { Clock } from '#ports/clock.ts';
import { asHoldfastError } from '#ports/errors.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { ChangeSource } from '#ports/local-folder.ts';
import type { Pair } from '#ports/pair.ts';
import type { PairSides } from '#ports/sides.ts';
import type { Telemetry } from '#ports/telemetry.ts';
import type { Activity } from './busy.ts';
import { assertFolder } from './continuity.ts';
import { HintBuffer } from './hint-buffer.ts';
import { judgeHints } from './hints.ts';
import { IGNORE_FILE } from './ignore-text.ts';
import { refreshIgnoreText, scanFolder } from './scan.ts';
import { enablePair, guardPair, mendingSide, type PairDeps } from './with-pair.ts';

export interface WatchDeps extends PairDeps {
  readonly queue: JobQueue;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly owner: string;
  readonly volumes: readonly string[];
  /**
   * Whether this watcher only listens: to every pair of its volumes and without leases, so that of a shared volume each
   * node's own writes are heard at once. Scans are left to those who hold leases, and asked for where events were lost.
   */
  readonly hintsOnly: boolean;
  readonly leaseMs: number;
  readonly scanIntervalMs: number;
  readonly settleMs: number;
  /** How long displaced content is kept, milliseconds. */
  readonly trashMs: number;
  /** Scans at once in this process; each reads a whole folder. */
  readonly scansAtOnce: number;
  /** Makes the change source of a folder; a null one where a folder cannot be watched (the scan remains). */
  watch(pair: Pair, sides: PairSides): ChangeSource;
}

/** A folder that is gone is looked for this often. */
const MEND_MS = 10_000;
/** No event tells that a volume was unmounted or replaced: each folder is looked at this often. */
const LOOK_MS = 15_000;
/** One that only listens learns of new and changed pairs this often; each asks for all of them. */
const LISTEN_MS = 10_000;
/** Lost events of one pair ask for a scan at most this often. */
const ASK_SCAN_MS = 30_000;
/** A pair is not scanned again at once, however much is wanted of it, while others wait. */
const SCAN_REST_MS = 1_000;
/** A scan that failed for a passing reason is tried again after this time. */
const SCAN_RETRY_MS = 10_000;

interface Watched {
  pair: Pair;
  readonly source: ChangeSource;
  readonly hints: HintBuffer;
  readonly ended: AbortController;
  /** Events are heard, or cannot be: what changed before a scan that begins now, the scan sees. */
  isListening: boolean;
  scanning: boolean;
  /** When its last scan ended, milliseconds since the epoch. */
  scannedAt: number;
  looking: boolean;
  /** The last look did: the next waits for its time. */
  lookFailed: boolean;
  /** Only listening: events were lost, and nobody was asked for a scan yet. */
  scanAsked: boolean;
  /** Milliseconds since the epoch. */
  nextScanAt: number;
  nextMendAt: number;
  nextLookAt: number;
}

export class PairWatcher {
  private readonly watched = new Map<number, Watched>();
  private readonly running = new Set<Promise<void>>();
  private readonly deps: WatchDeps;
  private scans = 0;

  constructor(deps: WatchDeps) {
    this.deps = deps;
  }

  /** Runs until `signal` is aborted, then gives all leases back. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, registry, log, leaseMs, owner, hintsOnly } = this.deps;
    const pauseMs = hintsOnly ? LISTEN_MS : Math.min(1_000, leaseMs / 5);
    while (!signal.aborted) {
      try {
        await this.take(await this.pairs());
      } catch (thrown) {
        log.warn({ err: asHoldfastError(thrown).message }, 'could not renew leases; trying again');
      }
      for (const watched of this.watched.values()) this.attend(watched);
      await clock.sleep(pauseMs, signal);
    }
    for (const id of [...this.watched.keys()]) await this.drop(id);
    await Promise.allSettled(this.running);
    if (!hintsOnly) await registry.releaseLeases(owner);
  }

  /** It holds pairs, and is busy with those that it scans. */
  activity(): Activity {
    return { concurrency: this.deps.scansAtOnce, busy: this.scans, pairs: [...this.watched.keys()] };
  }

  private async pairs(): Promise<readonly Pair[]> {
    const { registry, owner, volumes, leaseMs, hintsOnly } = this.deps;
    if (!hintsOnly) return registry.lease(owner, volumes, leaseMs);
    return (await registry.listPairs()).filter((pair) => volumes.includes(pair.volume));
  }

  private async take(pairs: readonly Pair[]): Promise<void> {
    const ids = new Set(pairs.map((pair) => pair.id));
    for (const id of [...this.watched.keys()]) if (!ids.has(id)) await this.drop(id);
    for (const pair of pairs) {
      const watched = this.watched.get(pair.id);
      if (watched !== undefined && isWatchedAlike(watched.pair, pair)) {
        watched.pair = pair;
        continue;
      }
      if (watched !== undefined) await this.drop(pair.id);
      await guardPair(pair, this.deps, () => this.start(pair));
    }
  }

  private async start(pair: Pair): Promise<void> {
    const { clock, sides, log, telemetry } = this.deps;
    const opened = await sides.open(pair);
    const watched: Watched = {
      pair,
      source: this.deps.watch(pair, opened),
      hints: new HintBuffer(),
      ended: new AbortController(),
      isListening: false,
      scanning: false,
      scannedAt: Number.NEGATIVE_INFINITY,
      looking: false,
      lookFailed: false,
      scanAsked: false,
      nextScanAt: clock.now(),
      nextMendAt: clock.now(),
      nextLookAt: clock.now() + LOOK_MS,
    };
    this.watched.set(pair.id, watched);
    if (pair.paused || pair.disabled !== null) return;
    const started = watched.source.start((hint) => {
      if (hint.kind === 'names') {
        telemetry.tell({ kind: 'events', names: hint.names.length });
        this.buffer(watched, hint.names, clock.now());
      } else {
        telemetry.tell({ kind: 'events-lost' });
        log.warn({ pair: pair.name, reason: hint.reason }, 'events may have been lost; a full scan follows');
        this.wantScan(watched);
      }
    });
    const heard = started.catch((thrown) => {
      log.warn(
        { pair: pair.name, err: asHoldfastError(thrown).message },
        'cannot watch the folder; scans remain',
      );
    });
    // A scan that walked before would miss, and no event would tell, what changes in between.
    this.keep(
      heard.then(() => {
        watched.isListening = true;
        if (!this.deps.hintsOnly && this.watched.get(pair.id) === watched) this.scanIfWanted(watched);
      }),
    );
  }

  private async drop(id: number): Promise<void> {
    const watched = this.watched.get(id);
    if (watched === undefined) return;
    this.watched.delete(id);
    watched.ended.abort();
    await watched.source.close();
  }

  /** One look at what a pair needs; starts work and does not wait for it. */
  private attend(watched: Watched): void {
    const { pair } = watched;
    const now = this.deps.clock.now();
    if (pair.paused) return;
    if (this.deps.hintsOnly) {
      if (pair.disabled === null && watched.scanAsked && now >= watched.nextScanAt) this.askForScan(watched);
      return;
    }
    if (pair.disabled !== null) {
      if (mendingSide(pair.disabled.code) === 'local' && now >= watched.nextMendAt) {
        watched.nextMendAt = now + MEND_MS;
        this.keep(this.mend(watched));
      }
      return;
    }
    const isNews = !isTold(pair) && !watched.lookFailed;
    if ((isNews || now >= watched.nextLookAt) && !watched.looking) {
      watched.looking = true;
      watched.nextLookAt = now + LOOK_MS;
      this.keep(this.look(watched));
    }
    this.scanIfWanted(watched);
  }

  private scanIfWanted(watched: Watched): void {
    const { pair, isListening, scanning } = watched;
    if (pair.paused || pair.disabled !== null) return;
    if (!isListening || scanning || this.scans >= this.deps.scansAtOnce) return;
    const now = this.deps.clock.now();
    if (pair.scanWanted <= pair.scanDone && now < watched.nextScanAt) return;
    watched.scanning = true;
    this.scans += 1;
    watched.nextScanAt = now + this.deps.scanIntervalMs;
    this.keep(this.scan(watched));
  }

  /**
   * A place to scan is taken at once: whoever takes hundreds of pairs over would else scan a few of them a second. Not
   * by a pair that had one just now: what failed there may fail as fast again.
   */
  private scanNext(): void {
    const rested = this.deps.clock.now() - SCAN_REST_MS;
    for (const watched of this.watched.values()) {
      if (this.scans >= this.deps.scansAtOnce) return;
      if (watched.scannedAt <= rested) this.scanIfWanted(watched);
    }
  }

  private async mend({ pair }: Watched): Promise<void> {
    await guardPair(pair, this.deps, async () => {
      const { folder } = await this.deps.sides.open(pair);
      await assertFolder(pair, folder, this.deps.registry);
      await enablePair(pair, this.deps);
    });
  }

  /**
   * Looks whether the folder still is the pair's, and tells it its generation when that moved (core/generation.ts).
   * Loaded anew right before: told late, an earlier one would make the folder look restored.
   */
  private async look(watched: Watched): Promise<void> {
    const { registry, sides } = this.deps;
    watched.lookFailed = true;
    try {
      await guardPair(watched.pair, this.deps, async () => {
        const { folder } = await sides.open(watched.pair);
        await assertFolder(watched.pair, folder, registry);
        if (isTold(watched.pair)) return;
        const pair = await registry.loadPair(watched.pair.id);
        if (pair === null || isTold(pair)) return;
        const { generations } = pair;
        const told = await folder.tell(
          generations.begun,
          (found) => continuityOf(generations, 'local', found) === 'kept',
        );
        await registry.confirmGeneration(pair.id, 'local', told);
      });
      watched.lookFailed = false;
    } finally {
      watched.looking = false;
    }
  }

  private async scan(watched: Watched): Promise<void> {
    const { log, clock, registry, telemetry } = this.deps;
    const startedAt = clock.now();
    try {
      await guardPair(watched.pair, this.deps, async () => {
        const pair = await registry.loadPair(watched.pair.id);
        if (pair === null) return;
        const result = await scanFolder(
          pair,
          await this.deps.sides.open(pair),
          this.deps,
          watched.ended.signal,
        );
        const tookMs = clock.now() - startedAt;
        telemetry.tell({ kind: 'scanned', tookMs, drift: result.candidates });
        log.info({ pair: pair.name, ...result, tookMs }, 'folder scanned');
        watched.pair = (await registry.loadPair(pair.id)) ?? watched.pair;
      });
    } catch (thrown) {
      watched.nextScanAt = clock.now() + SCAN_RETRY_MS;
      log.warn(
        { pair: watched.pair.name, err: asHoldfastError(thrown).message },
        'scan failed; it is tried again',
      );
    } finally {
      watched.scanning = false;
      watched.scannedAt = clock.now();
      this.scans -= 1;
      this.scanNext();
    }
  }

  /** Judges the hints that are due. */
  async judge(): Promise<void> {
    for (const watched of [...this.watched.values()]) {
      const { pair, hints } = watched;
      const names = hints.takeDue(this.deps.clock.now());
      if (names.length === 0 || pair.paused || pair.disabled !== null) continue;
      try {
        const judge = () => guardPair(pair, this.deps, () => this.judgeNames(watched, names));
        await this.deps.telemetry.span('judge events', judge);
      } catch (thrown) {
        this.wantScan(watched);
        this.deps.log.warn(
          { pair: pair.name, err: asHoldfastError(thrown).message },
          'could not judge events; a full scan follows',
        );
      }
    }
  }

  private async judgeNames(watched: Watched, names: readonly Name[]): Promise<void> {
    const sides = await this.deps.sides.open(watched.pair);
    if (names.includes(IGNORE_FILE)) await refreshIgnoreText(watched.pair, sides.folder, this.deps.registry);
    for (const [name, at] of await judgeHints(watched.pair, sides, names, this.deps))
      this.buffer(watched, [name], at);
  }

  private buffer(watched: Watched, names: readonly Name[], at: number): void {
    if (watched.hints.add(names, at) === 'kept') return;
    this.deps.telemetry.tell({ kind: 'events-lost' });
    this.deps.log.warn({ pair: watched.pair.name }, 'too many events to judge each; a full scan follows');
    this.wantScan(watched);
  }

  private wantScan(watched: Watched): void {
    const now = this.deps.clock.now();
    if (!this.deps.hintsOnly) watched.nextScanAt = now;
    else if (now >= watched.nextScanAt) this.askForScan(watched);
    else watched.scanAsked = true;
  }

  private askForScan(watched: Watched): void {
    watched.scanAsked = false;
    watched.nextScanAt = this.deps.clock.now() + ASK_SCAN_MS;
    const asked = this.deps.registry.requestSync(watched.pair.id).then(() => {});
    this.keep(
      asked.catch((thrown) => {
        watched.scanAsked = true;
        throw thrown;
      }),
    );
  }

  private keep(work: Promise<void>): void {
    const kept: Promise<void> = work
      .catch((thrown) =>
        this.deps.log.error({ err: asHoldfastError(thrown).message }, 'work on a pair failed'),
      )
      .finally(() => this.running.delete(kept));
    this.running.add(kept);
  }
}

/** Whether the folder knows of the latest generation. */
function isTold({ generations: { begun, told } }: Pair): boolean {
  return told.local.number >= begun.number;
}

function isWatchedAlike(a: Pair, b: Pair): boolean {
  return (
    a.folder === b.folder &&
    a.ignoreText === b.ignoreText &&
    a.paused === b.paused &&
    (a.disabled === null) === (b.disabled === null)
  );
}
