/**
 * Run: one scenario from its beginning until both sides are equal and quiet, or until an invariant does not hold.
 * First users and mishaps have their time; then they stop, and the engine gets as long as it may take.
 */
import { Book } from './book.ts';
import { End } from './end.ts';
import { Mishaps } from './mishaps.ts';
import { Moments, type StepAt, type Verdict } from './moments.ts';
import type { World } from './process.ts';
import type { Scenario, Settings, When } from './scenario.ts';
import { Scheduler } from './scheduler.ts';
import { Users } from './users.ts';
import type { Violation } from './violation.ts';
import { isStoreWrite, type Trace, Witness } from './witness.ts';
import { createParts, HOLD_NAMES, type Parts, paces, ROOT } from './world.ts';

export interface RunResult {
  readonly violation: Violation | null;
  readonly steps: number;
  /** Simulated milliseconds. */
  readonly tookMs: number;
}

/** Acts of the last burst are over by then. */
const AFTER_ACTS_MS = 2_000;

export async function run(scenario: Scenario, trace: Trace | null = null): Promise<RunResult> {
  const { settings } = scenario;
  const scheduler = new Scheduler(settings.startMs);
  const moments = new Moments();
  const book = new Book();
  const pace = paces(settings);
  const calmPace = paces({ ...settings, stalls: 0 });
  let isCalm = false;
  let witness: Witness | null = null;
  const world: World = {
    scheduler,
    moments,
    get faultRate() {
      return isCalm ? 0 : settings.faultRate;
    },
    paceOf: (_process, verb) => (isCalm ? calmPace(verb) : pace(verb)),
    observe: (process, verb, subject, outcome) => {
      if (outcome.kind === 'done' && isStoreWrite(verb)) parts.notices.tell(subject);
      witness?.observe(process, verb, subject, outcome);
    },
  };
  const parts = await createParts(scenario, scheduler, world, () => isCalm);
  const watching = new Witness(parts, {
    book,
    scheduler,
    isWindowOpen: isWindowOpen(settings),
    holdNames: settings.holdNames ?? HOLD_NAMES,
    trace,
  });
  witness = watching;
  const users = new Users({
    disk: parts.disk.user(),
    root: ROOT,
    container: { ...parts.container, raw: parts.notices.telling(parts.container.raw) },
    book,
    scheduler,
    tellsTouches: settings.mtimeGranularityNs === 1,
    act: (what, run) => watching.act(what, run),
    mayBeForgotten: (inode) => mayBeForgotten(inode, parts, scheduler.nowMs),
    isJustPlaced: (name, inode) => isJustPlaced(name, inode, parts),
  });
  const losesAnswers =
    settings.faultRate + settings.storeFaults + settings.listingLagMs > 0 || scenario.mishaps.length > 0;
  const end = new End({
    parts,
    scheduler,
    book,
    witness: watching,
    losesAnswers,
    isBusy: () => users.isWriting,
  });

  const schedule = (when: When, happen: (at: StepAt | null) => Verdict | null): void => {
    if (typeof when === 'number') scheduler.after(when * 1_000, () => void happen(null));
    else moments.arm(when, happen);
  };
  for (const { when, what } of scenario.acts) {
    schedule(when, (at) => {
      users.perform(what, at);
      return null;
    });
  }
  const mishaps = new Mishaps(parts, scheduler, watching);
  for (const { when, what } of scenario.mishaps) {
    mishaps.prepare(what);
    schedule(when, () => mishaps.befall(what));
  }
  for (const process of parts.processes.values()) scheduler.after(0, () => process.start());
  scheduler.after((settings.activeMs + AFTER_ACTS_MS) * 1_000, () => {
    watching.say('the world', 'users and mishaps stop', '');
    isCalm = true;
    moments.clear();
    mishaps.end();
    end.begin();
  });
  await scheduler.run(() => end.isOver || watching.failed !== null);
  return {
    violation: watching.failed,
    steps: watching.steps,
    tookMs: Math.round(scheduler.now / 1_000),
  };
}

const TRASH = '.holdfast/trash/';

/** What a commit has placed; it is left there only until the commit is tidied up. */
const PLACED = /^\.holdfast\/attempts\/[^/]+\/new$/;

/**
 * Whether no name leads to a file any more, or it is in the trash and had its late look: then nobody is owed its
 * content. A second link that a commit left keeps nothing of which its user took the name away.
 */
function mayBeForgotten(inode: bigint, { disk, database, pairId }: Parts, now: number): boolean {
  const paths = disk
    .user()
    .tree(ROOT)
    .filter((entry) => entry.inode === inode && entry.kind === 'file')
    .map(({ path }) => path);
  return paths.every((path) => {
    if (PLACED.test(path)) return true;
    if (!path.startsWith(TRASH)) return false;
    const locator = path.slice(TRASH.length);
    const known = database.recovery(pairId).find(({ pointer }) => pointer.locator === locator);
    return known !== undefined && (known.lookAgainAt === null || known.lookAgainAt <= now);
  });
}

/** Whether the name has a file that the archive does not know yet, and a decision that may have brought it. */
function isJustPlaced(name: string, inode: bigint, { database, pairId }: Parts): boolean {
  const row = database.rows(pairId).find((known) => known.name === name);
  if (row === undefined || row.decision === null) return false;
  return row.local.kind !== 'file' || row.local.inode !== inode;
}

/** Swift heeds no condition but one; only its lists of versions tell what a write displaced. */
function isWindowOpen({ store, listingLagMs }: Settings): boolean {
  return store === 'careless' || (store === 'swift' && listingLagMs > 0);
}
