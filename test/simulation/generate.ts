/**
 * Generate: the scenario of a seed. Names are few, so that collisions are the rule, and half of all that happens is
 * bound to a step of the engine, so that windows of a few steps are met.
 */
import type { Policies } from '#core/policies.ts';
import { drawDisasters } from './disasters.ts';
import type { Trigger } from './moments.ts';
import { Random } from './random.ts';
import type { Act, Choice, Mishap, Scenario, Settings, StoreWorld, Timed, When } from './scenario.ts';
import { drawCutDownloads, drawStrikes } from './strikes.ts';

const NAMES = [
  'a',
  'b',
  'c.txt',
  'd',
  'd/x',
  'd/y.txt',
  'd/e',
  'd/e/z',
  'd-1',
  'f',
  'f/g',
  'f/g/h',
  'A',
  'f/x',
  '\u00e9',
];

const MOST_ACTS = 60;
/** So that contents of a few bytes have several parts, some of them equal. */
const PART_BYTES = 8;

export interface GenerateOptions {
  /** Null: by the seed. */
  readonly store: StoreWorld | null;
}

export function generate(seed: number, options: GenerateOptions): Scenario {
  const random = new Random(seed, 'settings');
  const plain = drawSettings(random, options);
  const disasters = drawDisasters(new Random(seed, 'disasters'), plain);
  const resumed = new Random(seed, 'resumed');
  const isResuming = resumed.chance(0.3);
  const settings = {
    ...plain,
    ...disasters.settings,
    ...(isResuming ? { resumedBytes: 1 } : {}),
    ...drawNotices(new Random(seed, 'notified')),
    ...(new Random(seed, 'parts').chance(0.4) ? { partBytes: PART_BYTES } : {}),
  };
  const names = drawNames(new Random(seed, 'names'));
  const strikes = drawStrikes(new Random(seed, 'strikes'), names, settings);
  const acts = drawActs(new Random(seed, 'acts'), names, plain);
  const mishaps = drawMishaps(new Random(seed, 'mishaps'), plain);
  const cuts = isResuming ? drawCutDownloads(resumed, names) : { acts: [], mishaps: [] };
  return {
    seed,
    settings,
    acts: [...acts, ...strikes.acts, ...cuts.acts, ...disasters.acts].slice(-MOST_ACTS),
    mishaps: [...mishaps, ...strikes.mishaps, ...cuts.mishaps, ...disasters.mishaps],
  };
}

function drawSettings(random: Random, options: GenerateOptions): Settings {
  const isHarsh = random.chance(0.6);
  const policies: Policies = {
    conflict: random.pick(['upstream', 'upstream', 'newest', 'local']),
    deleteVsEdit: random.pick(['upstream', 'upstream', 'edit-wins']),
    direction: random.pick(['both', 'both', 'both', 'both', 'both', 'push-only', 'pull-only']),
  };
  return {
    store: options.store ?? random.pick(STORES),
    startMs: random.chance(0.1) ? 86_400_000 - 20_000 : 36_000_000,
    watchers: random.chance(0.3) ? 2 : 1,
    deciders: random.chance(0.4) ? 2 : 1,
    transfers: 1 + random.below(3),
    policies,
    ...random.pick(TIMES),
    reusesInodes: random.chance(0.5),
    oneMachine: random.chance(0.6),
    atOnce: random.pick([0.5, 0.8, 0.9]),
    slowest: random.pick(['none', 'none', 'fs', 'db', 'http', 'queue']),
    stalls: isHarsh && random.chance(0.5) ? random.magnitude(0.0002, 0.005) : 0,
    faultRate: isHarsh && random.chance(0.5) ? random.magnitude(0.001, 0.02) : 0,
    storeFaults: isHarsh && random.chance(0.4) ? random.magnitude(0.005, 0.1) : 0,
    listingLagMs: random.pick([0, 0, 500, 20_000]),
    queueDuplicates: random.pick([0, 0.1, 0.5]),
    queueReorders: random.pick([0, 0.2]),
    eventsLost: random.pick([0, 0.1, 1]),
    activeMs: Math.round(random.magnitude(15_000, 60_000)),
  };
}

function drawNotices(random: Random): Partial<Settings> {
  return random.chance(0.4) ? { noticesLost: random.pick([0, 0.2, 0.8]) } : {};
}

/** The stores that break more than they promise are met more often. */
const STORES: readonly StoreWorld[] = ['s3', 's3', 's3', 'swift', 'swift', 'pithos', 'pithos', 'careless'];

/** Where times are coarse, only waiting until they moved on tells two writes apart. */
const TIMES = [
  { settleMs: 0, mtimeGranularityNs: 1 },
  { settleMs: 100, mtimeGranularityNs: 1 },
  { settleMs: 1_000, mtimeGranularityNs: 1_000_000 },
  { settleMs: 1_000, mtimeGranularityNs: 1_000_000_000 },
] as const;

function drawNames(random: Random): readonly string[] {
  const count = 5 + random.below(NAMES.length - 5);
  const left = [...NAMES];
  const names: string[] = [];
  while (names.length < count) names.push(...left.splice(random.below(left.length), 1));
  return names;
}

/** Acts come in bursts, as people work. */
function drawActs(random: Random, names: readonly string[], settings: Settings): Timed<Act>[] {
  const acts: Timed<Act>[] = [];
  const count = 20 + random.below(41);
  let at = random.chance(0.5) ? 0 : random.below(3_000);
  while (acts.length < count) {
    const burst = 1 + random.below(6);
    for (let index = 0; index < burst && acts.length < count; index += 1) {
      const isBound = random.chance(0.4);
      const when: When = isBound ? drawTrigger(random, null) : Math.round(at + random.magnitude(1, 2_000));
      acts.push({ when, what: drawAct(random, names, isBound) });
    }
    at += random.magnitude(100, settings.activeMs / 3);
    if (at > settings.activeMs) at = random.below(settings.activeMs);
  }
  return acts;
}

const BOUND_VERBS = [
  ['fs.rename', 30],
  ['fs.link', 30],
  ['fs.lstat', 300],
  ['fs.unlink', 60],
  ['fs.read', 200],
  ['fs.write', 60],
  ['fs', 2_000],
  ['http.PUT', 30],
  ['http.GET', 60],
  ['http.HEAD', 60],
  ['http.DELETE', 10],
  ['http', 100],
  ['swift', 60],
  ['swift.link', 30],
  ['pithos.commit', 30],
  ['db.claim', 30],
  ['db.record', 30],
  ['db.acknowledge', 30],
  ['db.release', 10],
  ['db.load', 30],
  ['db', 300],
] as const;

function drawTrigger(random: Random, process: string | null): Trigger {
  const [verb, often] = random.pick(BOUND_VERBS);
  return {
    verb,
    process,
    where: random.chance(0.5) ? 'before' : 'after',
    skip: Math.round(random.magnitude(1, often)) - 1,
  };
}

function drawAct(random: Random, names: readonly string[], isBound: boolean): Act {
  const name = (): Choice => {
    if (isBound && random.chance(0.6)) return { ofStep: random.pick(names) };
    return random.chance(0.15) ? { existing: random.below(20) } : random.pick(names);
  };
  const size = random.pick([0, 1, 1, 1, 2, 5]);
  if (random.chance(0.4)) return drawUpstream(random, name, size);
  const side = 'here';
  const kind = random.below(100);
  if (kind < 22) return { do: 'write', side, name: name(), size };
  if (kind < 36) return { do: 'save', side, name: name(), size };
  if (kind < 40) return { do: 'stealth', side, name: name() };
  if (kind < 48) {
    return {
      do: 'keep-writing',
      side,
      name: name(),
      begin: random.pick(['keep', 'empty', 'append']),
      pieces: 1 + random.below(5),
      everyMs: Math.round(random.magnitude(10, 4_000)),
    };
  }
  if (kind < 62) return { do: 'rename', side, name: name(), to: name() };
  if (kind < 66) return { do: 'copy', side, name: name(), to: name() };
  if (kind < 78) return { do: 'remove', side, name: name() };
  if (kind < 85) return { do: 'remove-tree', side, name: name() };
  if (kind < 92) return { do: 'mkdir', side, name: name() };
  if (kind < 95) return { do: 'empty', side, name: name() };
  if (kind < 97) return { do: 'touch', side, name: name() };
  return { do: random.chance(0.7) ? 'link' : 'fifo', side, name: name() };
}

function drawUpstream(random: Random, name: () => Choice, size: number): Act {
  const side = 'upstream';
  const kind = random.below(100);
  if (kind < 45) return { do: 'write', side, name: name(), size };
  if (kind < 65) return { do: 'remove', side, name: name() };
  if (kind < 75) return { do: 'remove-tree', side, name: name() };
  if (kind < 85) return { do: 'rename', side, name: name(), to: name() };
  if (kind < 89) return { do: 'copy', side, name: name(), to: name() };
  if (kind < 94) return { do: 'mkdir', side, name: name() };
  if (kind < 98) return { do: 'empty', side, name: name() };
  return { do: 'odd', side, name: random.pick(['/leading', 'a//b', 'd//x', 'trailing/']) };
}

function drawMishaps(random: Random, settings: Settings): Timed<Mishap>[] {
  const processes = processNames(settings);
  const mishaps: Timed<Mishap>[] = [];
  const count = random.chance(0.3) ? 0 : random.below(6);
  for (let index = 0; index < count; index += 1) {
    const process = random.pick(processes);
    const isBound = random.chance(0.7);
    const when = isBound ? drawTrigger(random, process) : random.below(settings.activeMs);
    const kind = random.below(100);
    if (kind < 50) {
      mishaps.push({
        when,
        what: { kind: 'crash', process, restartMs: Math.round(random.magnitude(10, 60_000)) },
      });
    } else if (kind < 75) {
      mishaps.push({
        when,
        what: { kind: 'freeze', process, ms: Math.round(random.magnitude(100, 120_000)) },
      });
    } else if (kind < 90) {
      mishaps.push({ when: isBound ? when : drawTrigger(random, process), what: { kind: 'fail', process } });
    } else if (kind < 94) {
      mishaps.push({ when: random.below(settings.activeMs), what: { kind: 'expire-tokens' } });
    } else if (kind < 97) {
      mishaps.push({ when: random.below(settings.activeMs), what: { kind: 'empty-queue' } });
    } else {
      const ms = Math.round(random.magnitude(500, 30_000));
      mishaps.push({ when: random.below(settings.activeMs), what: { kind: 'disk-full', ms } });
    }
  }
  return mishaps;
}

export function processNames({ watchers, deciders, transfers }: Settings): string[] {
  const numbered = (name: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
  // Transfers do what is hard to undo: they are struck more often.
  const workers = numbered('transfer', transfers);
  return [
    ...numbered('watcher', watchers),
    'poller-1',
    ...numbered('decider', deciders),
    ...workers,
    ...workers,
  ];
}
