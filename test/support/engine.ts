/**
 * Engine: the real steps, run by hand. A real folder, a real store and a real database, but
 * no processes: a test says when a scan, poll, decision or transfer happens, and so can act
 * between any two of them.
 */

import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DeleteHoldPolicy } from '#core/delete-hold.ts';
import type { Name } from '#core/name.ts';
import { compareNames } from '#core/name.ts';
import { DEFAULT_POLICIES, type Policies } from '#core/policies.ts';
import { type Database, openDatabase } from '#libs/archive-prisma/database.ts';
import { openLocalFolder } from '#libs/store-local/local-folder.ts';
import type { Archive, RecordedHistoryEvent } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import type { JobQueue, TransferJob } from '#ports/job-queue.ts';
import type { LocalFolder } from '#ports/local-folder.ts';
import type { Log } from '#ports/log.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import type { PairSides, Sides } from '#ports/sides.ts';
import type { Telemetry } from '#ports/telemetry.ts';
import { decideCandidates } from '#steps/decide-candidates.ts';
import { packJobs } from '#steps/dispatch.ts';
import { guardDeletes } from '#steps/guard-deletes.ts';
import { judgeHints } from '#steps/hints.ts';
import { pollContainer } from '#steps/poll.ts';
import { pollPair } from '#steps/poll-pair.ts';
import { scanFolder } from '#steps/scan.ts';
import { transferBatch } from '#steps/transfer.ts';
import type { OpenedStore } from '#test/conformance/object-store.ts';
import { type Cleanup, testDatabase } from './services.ts';

const nothing = (): void => undefined;
export const SILENT: Log = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => SILENT,
};

export const NO_TELEMETRY: Telemetry = { tell: () => {}, span: (_name, work) => work() };

export const REAL_CLOCK: Clock = {
  now: () => Date.now(),
  sleep: async (ms, signal) => {
    await delay(ms, undefined, signal === undefined ? {} : { signal }).catch((thrown) => {
      if (signal?.aborted !== true) throw thrown;
    });
  },
  random: () => Math.random(),
  uniqueId: () => randomUUID(),
};

/** Takes hints and forgets them: the engine's caller says what runs. */
export const DEAF_QUEUE: JobQueue = {
  wake: async () => {},
  transfer: async () => {},
  pollNow: async () => {},
  schedulePoll: async () => {},
  unschedulePoll: async () => {},
  pollSchedules: async () => new Map(),
  consumeCandidates: () => ({ drain: async () => {} }),
  consumeTransfers: () => ({ drain: async () => {} }),
  consumePolls: () => ({ drain: async () => {} }),
  continuity: async () => 'kept',
  ping: async () => {},
  depths: async () => [],
  waits: async () => [],
  close: async () => {},
};

export const DELETE_HOLD: DeleteHoldPolicy = {
  percent: 25,
  names: 50,
  windowMs: 86_400_000,
  quiet: { local: 0, remote: 0, doubt: 0 },
  fleetPairs: 3,
  fleetWindowMs: 3_600_000,
};

export interface EngineOptions {
  readonly policies?: Partial<Policies>;
  readonly isExcluded?: (name: Name, isDirectory: boolean) => boolean;
  /** 0 unless a test is about files still being written. */
  readonly settleMs?: number;
  /** Deletes wait for no more of them, and only a mass delete waits for an operator, unless a test says otherwise. */
  readonly deleteHold?: Partial<DeleteHoldPolicy>;
  /** A database of its own on the shared server unless a test wants to restore it. */
  readonly database?: Pick<Database, 'registry' | 'archive'>;
}

export class Engine {
  readonly root: string;
  readonly remote: OpenedStore;
  readonly archive: Archive;
  readonly registry: Registry;
  readonly folder: LocalFolder;
  readonly pairId: number;
  private readonly options: EngineOptions;
  private readonly signal = new AbortController().signal;

  constructor(parts: {
    root: string;
    remote: OpenedStore;
    archive: Archive;
    registry: Registry;
    folder: LocalFolder;
    pairId: number;
    options: EngineOptions;
  }) {
    this.root = parts.root;
    this.remote = parts.remote;
    this.archive = parts.archive;
    this.registry = parts.registry;
    this.folder = parts.folder;
    this.pairId = parts.pairId;
    this.options = parts.options;
  }

  /** The same pair with other parts, such as ones that fail. */
  with(parts: { readonly archive?: Archive; readonly store?: ObjectStore }): Engine {
    const { root, registry, folder, pairId, options } = this;
    const remote = { ...this.remote, store: parts.store ?? this.remote.store };
    return new Engine({
      root,
      remote,
      archive: parts.archive ?? this.archive,
      registry,
      folder,
      pairId,
      options,
    });
  }

  async pair(): Promise<Pair> {
    const pair = await this.registry.loadPair(this.pairId);
    if (pair === null) throw new Error('the pair is gone');
    return pair;
  }

  get sides(): PairSides {
    return {
      folder: this.folder,
      store: this.remote.store,
      isExcluded: this.options.isExcluded ?? (() => false),
    };
  }

  private get deps() {
    return {
      archive: this.archive,
      registry: this.registry,
      queue: DEAF_QUEUE,
      clock: REAL_CLOCK,
      telemetry: NO_TELEMETRY,
      log: SILENT,
      settleMs: this.options.settleMs ?? 0,
      deleteHold: { ...DELETE_HOLD, ...this.options.deleteHold },
      trashMs: 86_400_000,
    };
  }

  async scan() {
    return scanFolder(await this.pair(), this.sides, this.deps, this.signal);
  }

  async poll() {
    return pollContainer(await this.pair(), this.sides, this.deps, this.signal);
  }

  /** One whole `poll` job: where a side went back in time, it begins the union. */
  async pollJob(): Promise<void> {
    const open = async (): Promise<PairSides> => this.sides;
    const sides = { open } as Partial<Sides> as Sides;
    const pace = { baseMs: 60_000, maxMs: 60_000 };
    await pollPair(this.pairId, new Map(), { ...this.deps, sides, pace }, this.signal);
  }

  /** Events spoke of these names. */
  async hint(...names: string[]) {
    return judgeHints(await this.pair(), this.sides, names as Name[], this.deps);
  }

  async decide(sides: PairSides = this.sides, limit = 10_000) {
    return decideCandidates(await this.pair(), sides, limit, this.deps);
  }

  /** Judges the deletes that wait; as `workOnCandidates` does before decisions go out. */
  async guard(): Promise<number | null> {
    return guardDeletes(await this.pair(), this.deps);
  }

  /** Takes all decisions that may go out now, as the jobs they would be. */
  async dispatch(): Promise<readonly TransferJob[]> {
    await this.guard();
    return packJobs(this.pairId, await this.archive.dispatch(this.pairId, 100_000, 60_000));
  }

  async transfer(
    jobs: readonly TransferJob[],
    sides: PairSides = this.sides,
  ): Promise<{ acknowledged: number; released: number }> {
    const sum = { acknowledged: 0, released: 0 };
    for (const job of jobs) {
      const done = await transferBatch(
        await this.pair(),
        sides,
        job.items,
        { ...this.deps, origin: 'here', backoff: { firstMs: 1, maxMs: 1 } },
        this.signal,
      );
      sum.acknowledged += done.acknowledged;
      sum.released += done.released;
    }
    return sum;
  }

  /** Decides and transfers until nothing is left to do. */
  async drain(): Promise<void> {
    for (let round = 0; round < 60; round += 1) {
      await this.decide();
      await this.transfer(await this.dispatch());
      const counts = await this.archive.counts(this.pairId);
      const isHeld = counts.waitingDeletes === 0 || (await this.holds()).includes(this.pairId);
      if (counts.candidates === 0 && counts.decisions === 0 && isHeld) return;
      await delay(round < 10 ? 20 : 250);
    }
    const counts = await this.archive.counts(this.pairId);
    throw new Error(
      `work is left after many rounds: ${JSON.stringify(counts)} ${JSON.stringify(await this.archive.problems(this.pairId))}`,
    );
  }

  /** Pairs whose deletes are held. */
  async holds(): Promise<readonly number[]> {
    return (await this.archive.unansweredHolds()).map(({ pairId }) => pairId);
  }

  /** A full scan and poll, and everything that follows from them. */
  async sync(): Promise<void> {
    do {
      await this.scan();
      await this.poll();
      await this.drain();
    } while ((await this.pair()).scanWanted > (await this.pair()).scanDone);
  }

  /** What watcher and poller do about a minute after something was acknowledged: both sides are told the next generation. */
  async tell(): Promise<void> {
    await this.registry.beginGenerations(0);
    const { begun } = (await this.pair()).generations;
    await this.registry.confirmGeneration(this.pairId, 'local', await this.folder.tell(begun, () => true));
    await this.remote.store.tell(begun);
    await this.registry.confirmGeneration(this.pairId, 'remote', { number: begun.number, stamp: null });
  }

  async why(name: string): Promise<readonly RecordedHistoryEvent[]> {
    return this.archive.history(this.pairId, name as Name, 100);
  }

  path(name: string): string {
    return join(this.root, name);
  }

  /** Names upstream in byte order. */
  async upstreamNames(): Promise<string[]> {
    const names: string[] = [];
    let after: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof this.remote.store.list>> = await this.remote.store.list(
        after,
        10_000,
      );
      names.push(...page.objects.map((object) => object.rawName));
      after = page.next;
    } while (after !== null);
    return names.toSorted(compareNames);
  }

  async upstreamText(name: string): Promise<string | null> {
    const bytes = await this.remote.other.get(name);
    return bytes === null ? null : new TextDecoder().decode(bytes);
  }

  /** What decisions and acknowledgements there were so far; equal before and after means quiet. */
  async decisionsMade(names: readonly string[]): Promise<number> {
    let made = 0;
    for (const name of names)
      made += (await this.why(name)).filter((event) => event.kind === 'decided').length;
    return made;
  }
}

export async function startEngine(
  t: Cleanup,
  remote: OpenedStore,
  options: EngineOptions = {},
): Promise<Engine> {
  const database = options.database ?? (await ownDatabase(t));
  const root = await mkdtemp(join(tmpdir(), 'holdfast-engine-'));
  const uid = randomUUID();
  const folder = openLocalFolder({ root, pairId: uid, clock: REAL_CLOCK, log: SILENT });
  t.after(async () => {
    await folder.close();
    await rm(root, { recursive: true, force: true });
  });
  await mkdir(root, { recursive: true });
  const folderFacts = await folder.attach(uid);
  const { registry, archive } = database;
  const store = await registry.addStore({
    name: 'store',
    kind: 'swift',
    url: 'http://127.0.0.1/',
    secret: { from: 'env', at: 'NONE' },
    options: {},
  });
  const pair = await registry.addPair({
    uid,
    name: 'pair',
    storeId: store.id,
    container: 'c',
    identity: remote.identity,
    containerCreatedAt: (await remote.store.container('newest')).createdAt,
    folder: root,
    volume: 'default',
    policies: { ...DEFAULT_POLICIES, ...options.policies },
    excludes: [],
    ignoreText: '',
    versioning: true,
    capabilities: remote.store.capabilities,
    folderFacts,
  });
  return new Engine({ root, remote, archive, registry, folder, pairId: pair.id, options });
}

async function ownDatabase(t: Cleanup): Promise<Database> {
  const database = openDatabase({ url: await testDatabase(t), poolSize: 4, log: SILENT });
  t.after(() => database.close());
  return database;
}
