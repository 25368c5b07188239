/**
 * World: one pair with everything around it. Folder, container, database and queue are models; the processes run the
 * real steps and adapters on them, wired as the apps are.
 */
import { quietTimes } from '#core/delete-hold.ts';
import { excludeRules } from '#libs/exclusions/rules.ts';
import { memoryChangeSource } from '#libs/memory/change-source.ts';
import { MemoryDatabase } from '#libs/memory/database.ts';
import { MemoryDisk } from '#libs/memory/disk.ts';
import type { DiskUser } from '#libs/memory/disk-user.ts';
import { MemoryQueueServer } from '#libs/memory/job-queue.ts';
import { atOnce } from '#libs/memory/step.ts';
import { openLocalFolder } from '#libs/store-local/local-folder.ts';
import type { FaultPlan } from '#libs/store-models/exchange.ts';
import type { Clock } from '#ports/clock.ts';
import type { ChangeSource } from '#ports/local-folder.ts';
import type { Log } from '#ports/log.ts';
import type { Pair } from '#ports/pair.ts';
import type { PairSides, Sides } from '#ports/sides.ts';
import type { Telemetry } from '#ports/telemetry.ts';
import { runDecider } from '#steps/run-decider.ts';
import { runPoller } from '#steps/run-poller.ts';
import { runTransfer } from '#steps/run-transfer.ts';
import { runWatcher } from '#steps/run-watcher.ts';
import { NoticeTaker } from '#steps/take-notices.ts';
import { createContainer, type SimContainer } from './container.ts';
import { Notices } from './notices.ts';
import { attemptOwner, type Owners } from './owners.ts';
import { type Life, type Pace, SimProcess, type Start, type World } from './process.ts';
import { Random } from './random.ts';
import type { Scenario, Settings } from './scenario.ts';
import type { Scheduler } from './scheduler.ts';

export const ROOT = '/volume/pair';
const PRIVATE = `${ROOT}/.holdfast/`;
/** So that contents of a few bytes are read in several calls, between which they may change. */
const LONGEST_READ = 10;
export const OUTSIDE = '/outside';
const STORE = 'store';
const CONTAINER = 'container';
const UID = 'pair-uid';
const VOLUME = 'default';
const ORIGIN = 'sim';
const TRASH_MS = 30 * 86_400_000;
const LEASE_MS = 15_000;
const SCAN_INTERVAL_MS = 60_000;
const SWEEP_INTERVAL_MS = 5_000;
const JUDGE_INTERVAL_MS = 300;
const PACE = { baseMs: 5_000, maxMs: 20_000 };
const DELETE_HOLD = { percent: 25, windowMs: 86_400_000, fleetPairs: 3, fleetWindowMs: 3_600_000 };
const WINDOW = 64;
export const HOLD_NAMES = 50;
const TRANSFERS_AT_ONCE = 2;
/** After this silence a commit begun on a machine that cannot be seen counts as crashed. */
const OWNER_LEASE_MS = 60_000;

/** Whether its volume is not mounted; what may be in its place is not the pair's. */
export function isFolderAway(disk: DiskUser): boolean {
  return disk.lstat(`${ROOT}/.holdfast`) === null;
}

export interface Parts {
  readonly disk: MemoryDisk;
  readonly database: MemoryDatabase;
  readonly queue: MemoryQueueServer;
  readonly container: SimContainer;
  readonly notices: Notices;
  readonly processes: ReadonlyMap<string, SimProcess>;
  readonly pairId: number;
  /** As the operator's `sync` does. */
  askForPoll(): Promise<void>;
}

const nothing = (): void => undefined;
const NO_TELEMETRY: Telemetry = { tell: nothing, span: (_name, work) => work() };
const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => SILENT };

/** Sets the world up, without faults, and starts nothing yet. */
export async function createParts(
  scenario: Scenario,
  scheduler: Scheduler,
  world: World,
  isCalm: () => boolean,
): Promise<Parts> {
  const { seed, settings } = scenario;
  const clock = setupClock(scheduler);
  const disk = new MemoryDisk(clock, {
    mtimeGranularityNs: BigInt(settings.mtimeGranularityNs),
    reusesInodes: settings.reusesInodes,
    longestRead: (path) => (path.startsWith(PRIVATE) ? Number.POSITIVE_INFINITY : LONGEST_READ),
  });
  const user = disk.user();
  user.makeDirectories(ROOT);
  user.makeDirectories(OUTSIDE);
  user.write(`${OUTSIDE}/secret`, 'secret');
  const database = new MemoryDatabase(clock);
  const lag = new Random(seed, 'lag');
  const container = await createContainer(settings.store, {
    clock,
    log: SILENT,
    lag: () =>
      isCalm() || scheduler.now === 0 || settings.listingLagMs === 0 ? 0 : lag.below(settings.listingLagMs),
    partBytes: settings.partBytes ?? Number.MAX_SAFE_INTEGER,
  });
  const random = new Random(seed, 'queue');
  const queue = new MemoryQueueServer({
    now: clock.now,
    after: (ms, run) => void scheduler.after(ms * 1_000, run),
    deliveryMs: () => random.magnitude(0.2, settings.slowest === 'queue' ? 2_000 : 20),
    duplicates: () => !isCalm() && random.chance(settings.queueDuplicates),
    nextOf: (waiting) => (!isCalm() && random.chance(settings.queueReorders) ? random.below(waiting) : 0),
  });
  const pairId = await register(disk, database, container, settings, clock);
  const owners: Owners = { processes: new Map(), oneMachine: settings.oneMachine };
  const notices = new Notices(settings, seed, scheduler, { store: STORE, container: CONTAINER });
  const context: Context = { disk, database, queue, container, notices, owners, settings, seed, isCalm };
  const processes = new Map<string, SimProcess>();
  const add = (name: string, start: Start): void => {
    processes.set(name, new SimProcess(name, seed, world, start));
  };
  for (let index = 1; index <= settings.watchers; index += 1) add(`watcher-${index}`, startWatcher(context));
  add('poller-1', startPoller(context));
  add('store', () => nothing);
  for (let index = 1; index <= settings.deciders; index += 1) add(`decider-${index}`, startDecider(context));
  for (let index = 1; index <= settings.transfers; index += 1) {
    add(`transfer-${index}`, startTransfer(context));
  }
  const server = processes.get('store');
  server?.start();
  if (server?.life) container.begin(server.life.step);
  const operator = queue.connect({ step: atOnce, condition: () => 'alive', soon: (run) => run() });
  return {
    disk,
    database,
    queue,
    container,
    notices,
    processes,
    pairId,
    askForPoll: () => operator.pollNow(pairId),
  };
}

/** For what happens before the run begins. */
function setupClock(scheduler: Scheduler): Clock {
  let named = 0;
  return {
    now: () => scheduler.nowMs,
    sleep: () => Promise.resolve(),
    random: () => 0,
    uniqueId: () => {
      named += 1;
      return `setup-${named}`;
    },
  };
}

interface Context {
  readonly disk: MemoryDisk;
  readonly database: MemoryDatabase;
  readonly queue: MemoryQueueServer;
  readonly container: SimContainer;
  readonly notices: Notices;
  readonly owners: Owners;
  readonly settings: Settings;
  readonly seed: number;
  readonly isCalm: () => boolean;
}

async function register(
  disk: MemoryDisk,
  database: MemoryDatabase,
  container: SimContainer,
  settings: Settings,
  clock: Clock,
): Promise<number> {
  const folder = openLocalFolder({
    root: ROOT,
    pairId: UID,
    clock,
    fileSystem: disk.fileSystem(atOnce),
  });
  const folderFacts = await folder.attach(UID);
  const registry = database.registry(atOnce);
  const store = await registry.addStore({
    name: STORE,
    kind: 'swift',
    url: 'http://store.example/',
    secret: { from: 'env', at: 'NONE' },
    options: {},
  });
  const pair = await registry.addPair({
    uid: UID,
    name: 'pair',
    storeId: store.id,
    container: CONTAINER,
    identity: container.identity,
    containerCreatedAt: null,
    folder: ROOT,
    volume: VOLUME,
    policies: settings.policies,
    excludes: [],
    ignoreText: '',
    versioning: true,
    capabilities: null,
    folderFacts,
  });
  return pair.id;
}

/** What every app of the fleet has; see libs/compose/fleet.ts. */
function fleetOf(life: Life, context: Context) {
  const { disk, database, queue, container, owners } = context;
  const { step, clock, process } = life;
  const owner = attemptOwner(owners, life);
  const fileSystem = disk.fileSystem(step);
  const fault = faultPlan(life, context);
  const kept = new Map<number, { readonly revision: number; readonly sides: PairSides }>();
  const build = (pair: Pair): PairSides => ({
    folder: openLocalFolder({
      root: pair.folder,
      pairId: pair.uid,
      clock,
      fileSystem,
      owner,
      leaseMs: OWNER_LEASE_MS,
      resumedBytes: context.settings.resumedBytes ?? Number.POSITIVE_INFINITY,
    }),
    store: container.open({ clock, step, log: SILENT, fault }),
    isExcluded: excludeRules({ excludes: pair.excludes, ignoreText: pair.ignoreText }),
  });
  const sides: Sides = {
    resolveFolder: (folder) => Promise.resolve(folder),
    login: () => Promise.resolve(),
    openNew: (pair) => Promise.resolve(build(pair)),
    open: (pair) => {
      const known = kept.get(pair.id);
      if (known !== undefined && known.revision === pair.revision) return Promise.resolve(known.sides);
      const built = build(pair);
      kept.set(pair.id, { revision: pair.revision, sides: built });
      return Promise.resolve(built);
    },
    close: () => Promise.resolve(),
  };
  const client = queue.connect({
    step,
    condition: () => (life.isAlive ? process.condition : 'dead'),
    soon: (run) => void life.after(0, run),
  });
  return {
    deps: {
      archive: database.archive(step),
      registry: database.registry(step),
      queue: client,
      sides,
      clock,
      log: SILENT,
      telemetry: NO_TELEMETRY,
      volumes: [VOLUME],
      settleMs: context.settings.settleMs,
      trashMs: TRASH_MS,
      window: WINDOW,
      origin: ORIGIN,
    },
    exit: () => {
      owner.exit();
      fileSystem.exit();
    },
  };
}

function startWatcher(context: Context): Start {
  return (life) => {
    const { deps, exit } = fleetOf(life, context);
    const sources: ChangeSource[] = [];
    runWatcher({
      ...deps,
      owner: life.process.uniqueId(),
      hintsOnly: false,
      leaseMs: LEASE_MS,
      scanIntervalMs: SCAN_INTERVAL_MS,
      scansAtOnce: 2,
      judgeIntervalMs: JUDGE_INTERVAL_MS,
      watch: (pair) => {
        const source = watchDisk(pair, life, context);
        sources.push(source);
        return source;
      },
    });
    return () => {
      exit();
      for (const source of sources) void source.close();
    };
  };
}

function startPoller(context: Context): Start {
  return (life) => {
    const { deps, exit } = fleetOf(life, context);
    const taker = new NoticeTaker(deps);
    context.notices.deliverTo(life, taker);
    runPoller({ ...deps, pace: PACE, notices: taker });
    return exit;
  };
}

function startDecider(context: Context): Start {
  return (life) => {
    const { deps, exit } = fleetOf(life, context);
    const { settleMs, holdNames, generationMs } = context.settings;
    const quiet = quietTimes(settleMs, PACE.baseMs);
    const deleteHold = { ...DELETE_HOLD, names: holdNames ?? HOLD_NAMES, quiet };
    runDecider({
      ...deps,
      pace: PACE,
      deleteHold,
      sweepIntervalMs: SWEEP_INTERVAL_MS,
      generationMs: generationMs ?? 10_000,
    });
    return exit;
  };
}

function startTransfer(context: Context): Start {
  return (life) => {
    const { deps, exit } = fleetOf(life, context);
    runTransfer({ ...deps, concurrency: TRANSFERS_AT_ONCE });
    return exit;
  };
}

/** Events of the folder: late, and sometimes lost with or without a word. */
function watchDisk(pair: Pair, life: Life, context: Context): ChangeSource {
  const { settings, isCalm, disk, seed } = context;
  const random = new Random(seed, `events of ${life.process.name}`);
  const source = memoryChangeSource(disk, pair.folder, (hint, deliver) => {
    const isLost = hint.kind === 'names' && !isCalm() && random.chance(settings.eventsLost);
    if (!isLost) life.after(random.magnitude(1, 200) * 1_000, deliver);
    else if (random.chance(0.3)) source.lose('simulated');
  });
  return source;
}

/** What befalls requests on their way to the store and back. */
function faultPlan(life: Life, { settings, isCalm, seed }: Context): FaultPlan {
  const random = new Random(seed, `requests of ${life.process.name}`);
  return () => {
    if (isCalm() || settings.storeFaults === 0 || !random.chance(settings.storeFaults)) return null;
    const status = random.pick([500, 503, 429, 504]);
    switch (random.below(5)) {
      case 0:
        return {
          kind: 'refused',
          status,
          ...(random.chance(0.3) ? { retryAfterSeconds: random.below(20) } : {}),
        };
      case 1:
        return { kind: 'spoiled', status };
      case 2:
        return { kind: 'abandoned' };
      case 3:
        return { kind: 'truncated' };
      default:
        return { kind: 'corrupted' };
    }
  };
}

/** How fast steps are; drawn once for a run and looked up at each step. */
export function paces(settings: Settings): (verb: string) => Pace {
  const pace = (part: Settings['slowest'], shortest: number, longest: number): Pace => ({
    atOnce: settings.atOnce,
    shortest,
    longest: longest * (settings.slowest === part ? 20 : 1),
    stalls: settings.stalls,
    stall: 60_000_000,
  });
  const fs = pace('fs', 10, 500);
  const db = pace('db', 200, 5_000);
  const queue = pace('queue', 200, 5_000);
  const http = pace('http', 500, 50_000);
  return (verb) => {
    switch (verb.charCodeAt(0)) {
      case 0x66:
        return fs;
      case 0x64:
        return db;
      case 0x71:
        return queue;
      default:
        return http;
    }
  };
}
