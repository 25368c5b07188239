/**
 * Witness: stands between the world and its checker. It knows who made a change, has the checker look after each one,
 * keeps the first violation, and writes the trace.
 */
import type { Entry } from '#core/entry.ts';
import type { MemoryDisk } from '#libs/memory/disk.ts';
import { Checker, type CheckerParts } from './checker.ts';
import type { Outcome } from './process.ts';
import type { Restorable } from './scenario.ts';
import type { Scheduler } from './scheduler.ts';
import { Violation } from './violation.ts';
import { isFolderAway, OUTSIDE, type Parts, ROOT } from './world.ts';

/** One line of what happened. */
export interface Line {
  /** Microseconds since the run began. */
  readonly at: number;
  readonly who: string;
  readonly what: string;
  readonly outcome: string;
}

export type Trace = (line: Line) => void;

export interface WitnessParts extends Pick<CheckerParts, 'book' | 'isWindowOpen' | 'holdNames'> {
  readonly scheduler: Scheduler;
  readonly trace: Trace | null;
}

/** Far more than any run takes. */
const MOST_STEPS = 400_000;

export class Witness {
  steps = 0;
  failed: Violation | null = null;
  readonly checker: Checker;
  readonly #scheduler: Scheduler;
  readonly #trace: Trace | null;
  /** Whether a side changed since the checker looked. */
  #isFolderChanged = false;
  #isContainerChanged = false;
  #user: string | null = null;

  constructor(parts: Parts, { book, scheduler, isWindowOpen, holdNames, trace }: WitnessParts) {
    const { disk, container, database, pairId } = parts;
    this.#scheduler = scheduler;
    this.#trace = trace;
    this.checker = new Checker({
      disk: disk.user(),
      root: ROOT,
      container,
      database,
      pairId,
      book,
      isWindowOpen,
      holdNames,
    });
    this.#listen(disk);
  }

  #listen(disk: MemoryDisk): void {
    disk.onChange((path) => {
      // Journals and facts of the trash hold no content.
      if (!path.endsWith('.json')) this.#isFolderChanged = true;
      if (this.#user !== null) return;
      const isInFolder = path.startsWith(`${ROOT}/`) || path === ROOT;
      if (!isFolderAway(disk.user())) {
        if (!isInFolder) this.fail(new Violation(8, 'something outside the folder was changed', path));
        // Whoever has it open goes on in it, wherever it is.
      } else if (isInFolder || path.startsWith(OUTSIDE)) {
        this.fail(new Violation(6, 'what is in place of the folder was changed', path));
      }
    });
  }

  /** The volume is mounted again; what is in its place is gone by that. */
  mount(run: () => void): void {
    this.#user = 'a mount';
    run();
    this.#user = null;
    this.#isFolderChanged = true;
    this.#look();
  }

  /** Sets something back to what it was, which no user wished. */
  restore(what: Restorable, run: () => void): void {
    this.#look();
    this.say('mishap', `${what} is restored`, '');
    this.#user = 'a restore';
    run();
    this.#user = null;
    this.#isFolderChanged = false;
    this.checker.restored(what);
  }

  fail(thrown: unknown): void {
    if (!(thrown instanceof Violation)) throw thrown;
    this.failed ??= thrown;
  }

  /** After a step of the engine. */
  observe(process: string, verb: string, subject: string, outcome: Outcome): void {
    this.steps += 1;
    if (this.#trace !== null) this.say(process, `${verb} ${subject}`, shown(outcome));
    if (this.steps > MOST_STEPS) this.fail(new Violation(2, 'no end of steps', `${MOST_STEPS}`));
    if (isStoreWrite(verb)) this.#isContainerChanged = true;
    this.#look();
    const placed = outcome.kind === 'done' ? placedName(verb, subject) : null;
    if (placed !== null) this.checker.placed(placed);
    // Who fetches an object is about to write here, while a job beside it may write upstream what it looked at before.
    if (verb === 'http.HEAD') this.checker.looked(process, subject);
    if (verb.startsWith('http.') && verb !== 'http.answer' && isUnanswered(outcome)) {
      this.checker.asked(process, subject, {
        isWrite: isStoreWrite(verb),
        isLost: outcome.kind === 'failed',
      });
    }
    if (verb === 'http.answer') this.checker.answered(process, subject, isServerFailure(outcome));
    if (verb === 'db.claim' && outcome.kind === 'done') {
      this.checker.claimed((outcome.result as readonly Entry[]).map(({ name }) => name));
    }
    const isEnd = verb === 'db.acknowledge' || verb === 'db.release';
    if (isEnd && outcome.kind === 'done') {
      const heard = outcome.result as ReadonlySet<string>;
      this.checker.unheard(namesOf(subject).filter((name) => !heard.has(name)));
    }
    if (verb === 'db.acknowledge') this.#check(() => this.checker.databaseChanged());
    if (verb === 'db.acknowledge') this.checker.ended(namesOf(subject), 'acknowledged');
    if (verb === 'db.release') this.checker.ended(namesOf(subject), 'given-back');
    if (verb === 'db.record' || verb === 'db.recordListed') this.#check(() => this.checker.serialsChanged());
  }

  /** Runs what a user does. */
  act(what: string, run: () => void): void {
    this.#look();
    this.say('user', what, '');
    this.#user = what;
    run();
    this.#user = null;
    this.#isFolderChanged = false;
    this.checker.userActed();
  }

  say(who: string, what: string, outcome: string): void {
    this.#trace?.({ at: this.#scheduler.now, who, what, outcome });
  }

  #look(): void {
    if (this.#isFolderChanged) this.#check(() => this.checker.engineChanged('here'));
    if (this.#isContainerChanged) this.#check(() => this.checker.engineChanged('upstream'));
    this.#isFolderChanged = false;
    this.#isContainerChanged = false;
  }

  #check(check: () => void): void {
    try {
      check();
    } catch (thrown) {
      this.fail(thrown);
    }
  }
}

/** The name in the folder that a step put something at, by the path at which its directory was opened. */
function placedName(verb: string, subject: string): string | null {
  if (verb !== 'fs.link' && verb !== 'fs.rename' && verb !== 'fs.mkdir') return null;
  const path = subject.slice(subject.lastIndexOf(' -> ') + 1).replace(/^-> /, '');
  const name = path.startsWith(`${ROOT}/`) ? path.slice(ROOT.length + 1) : '';
  return name === '' || name.startsWith('.holdfast') ? null : name;
}

/** Of a step about some names of a pair. */
function namesOf(subject: string): readonly string[] {
  return subject.slice(subject.indexOf(': ') + 2).split(', ');
}

/** By such an answer nobody knows what became of the request. */
function isServerFailure(outcome: Outcome): boolean {
  const result = outcome.kind === 'done' ? outcome.result : null;
  return typeof result === 'object' && result !== null && 'status' in result && Number(result.status) >= 500;
}

/** Whether the store is at work on it still, or did it without its process hearing of that. */
function isUnanswered(outcome: Outcome): boolean {
  if (outcome.kind !== 'done') return outcome.kind === 'failed' && outcome.effect;
  const { result } = outcome;
  return (
    typeof result === 'object' &&
    result !== null &&
    'answered' in result &&
    result.answered instanceof Promise
  );
}

/** Whether an object may be another one after this step. */
/** Whether a step may change the container; its subject is the name then. */
export function isStoreWrite(verb: string): boolean {
  if (verb.startsWith('http.')) return verb !== 'http.GET' && verb !== 'http.HEAD' && verb !== 'http.answer';
  return !/^(fs|db|queue)\./.test(verb);
}

function shown(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'done':
      return summary(outcome.result);
    case 'threw':
      return `! ${textOf(outcome.thrown)}`;
    case 'failed':
      return `! simulated ${outcome.effect ? 'after' : 'before'}: ${textOf(outcome.thrown)}`;
  }
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

const LONGEST = 200;

function summary(result: unknown): string {
  if (result === undefined) return '';
  const plain = JSON.stringify(result, (_key, value: unknown) =>
    typeof value === 'bigint'
      ? `${value}`
      : value instanceof Set || value instanceof Map
        ? [...value]
        : value,
  );
  return plain === undefined || plain === '{}' ? '' : plain.slice(0, LONGEST);
}
