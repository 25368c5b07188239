/**
 * End: what must become true when users and mishaps have stopped. Both sides become equal by themselves; a full scan
 * and poll change nothing any more; and then every content that somebody is owed is found where it was promised.
 */
import { isHeld } from '#libs/memory/database/entry-table.ts';
import type { MemoryDatabase } from '#libs/memory/database.ts';
import { atOnce } from '#libs/memory/step.ts';
import type { Archive, Problem } from '#ports/archive.ts';
import type { Registry } from '#ports/registry.ts';
import { isPartialDownload } from '../../scripts/chaos/sides.ts';
import { type Book, DIRECTORY, isContent, SPECIAL } from './book.ts';
import type { Scheduler } from './scheduler.ts';
import { objectsOf, seeContainer, seeFolder, seeObjects, textOf } from './sight.ts';
import { Violation } from './violation.ts';
import type { Witness } from './witness.ts';
import { type Parts, ROOT } from './world.ts';

export interface EndParts {
  readonly parts: Parts;
  readonly scheduler: Scheduler;
  readonly book: Book;
  readonly witness: Witness;
  /** Whether somebody may not have heard of what he did. */
  readonly losesAnswers: boolean;
  /** Whether some user is not done yet. */
  isBusy(): boolean;
}

/** Simulated time in which both sides must become equal and quiet. */
const CONVERGES_MS = 30 * 60_000;
const LOOK_MS = 1_000;
/** A full scan adopts what nothing tells of when it was displaced so long ago; late looks come sooner. */
const ADOPTED_MS = 125_000;

/** Problems that users caused and that only users end. */
const STANDING = new Set([
  'local-unhandled',
  'remote-file-and-directory',
  'name-file-and-directory',
  'name-twin',
]);

/** What is not as it must be at the end. */
interface Open {
  /** Without names; see Violation. */
  readonly what: string;
  readonly about: string;
}

type Stage =
  /** Nothing is asked for: schedules, events and sweeps must do. */
  | 'by-itself'
  /** A full scan and poll was asked for, which may find what does not show. */
  | 'settling'
  /** A further one, which must find nothing. */
  | 'quiet';

export class End {
  isOver = false;
  readonly #parts: EndParts;
  readonly #archive: Archive;
  readonly #registry: Registry;
  #stage: Stage = 'by-itself';
  #until = 0;
  #adoptsFrom = 0;
  #historyBefore = 0;
  #problemsBefore: readonly string[] = [];

  constructor(parts: EndParts) {
    this.#parts = parts;
    this.#archive = parts.parts.database.archive(atOnce);
    this.#registry = parts.parts.database.registry(atOnce);
  }

  begin(): void {
    const { scheduler } = this.#parts;
    this.#until = scheduler.now + CONVERGES_MS * 1_000;
    this.#adoptsFrom = scheduler.now + ADOPTED_MS * 1_000;
    this.#look();
  }

  #look(): void {
    const { scheduler, witness } = this.#parts;
    scheduler.after(LOOK_MS * 1_000, () => {
      this.#judge().then(
        () => {
          if (!this.isOver) this.#look();
        },
        (thrown) => witness.fail(thrown),
      );
    });
  }

  async #judge(): Promise<void> {
    const { scheduler, witness, parts } = this.#parts;
    const open = await this.#whatIsOpen();
    if (open !== null) {
      if (scheduler.now < this.#until) return;
      throw new Violation(2, `${this.#stage}, ${open.what}`, open.about);
    }
    if (this.#stage === 'quiet') {
      const decided = this.#decidedSince();
      if (decided !== '') throw new Violation(2, 'equal, but a further scan and poll decided', decided);
      const missing = this.#missing();
      if (missing !== null) throw missing;
      const [unkept] = parts.container.unkeptParts();
      if (unkept !== undefined) throw new Violation(1, 'a part of readable content has an end', unkept);
      this.isOver = true;
      return;
    }
    if (this.#stage === 'by-itself' && scheduler.now < this.#adoptsFrom && this.#missing() !== null) return;
    this.#stage = this.#stage === 'by-itself' ? 'settling' : 'quiet';
    this.#historyBefore = parts.database.history(parts.pairId).length;
    this.#problemsBefore = this.#problemNames();
    witness.say('the world', `asks for a full scan and poll (${this.#stage})`, '');
    await this.#registry.requestSync(parts.pairId);
    await parts.askForPoll();
  }

  /** @returns what is not as it must be at the end, or null. */
  async #whatIsOpen(): Promise<Open | null> {
    const { parts, isBusy } = this.#parts;
    if (isBusy()) return { what: 'a user is not done', about: '' };
    const pair = await this.#registry.loadPair(parts.pairId);
    if (pair === null) return { what: 'the pair is gone', about: '' };
    if (pair.disabled !== null) return { what: 'the pair is disabled', about: pair.disabled.reason };
    if (pair.scanDone < pair.scanWanted) return { what: 'a full scan is still wanted', about: '' };
    if (pair.pollDone < pair.pollWanted) return { what: 'a full poll is still wanted', about: '' };
    // Another one may have done its work since, so that nothing else tells of it.
    const late = [...parts.processes.values()].find((process) => process.isLate());
    if (late !== undefined) return { what: 'a process stands still', about: late.name };
    const counts = await this.#archive.counts(parts.pairId);
    if (counts.candidates > 0 || counts.decisions > 0) {
      return { what: 'candidates or decisions are left', about: pendingOf(parts.database, parts.pairId) };
    }
    if (counts.waitingDeletes > 0) {
      await this.#answer();
      return { what: 'deletes wait', about: pendingOf(parts.database, parts.pairId) };
    }
    // What is out may be stuck by its earlier attempts, and yet end well when its worker is found dead.
    const rows = parts.database.rows(parts.pairId);
    const { nowMs } = this.#parts.scheduler;
    if (rows.some((row) => row.decision !== null && isHeld(row, nowMs)))
      return { what: 'work is under way', about: pendingOf(parts.database, parts.pairId) };
    const problems = parts.database.problems(parts.pairId);
    const passing = problems.find((problem) => !isStanding(problem, problems));
    if (passing !== undefined)
      return { what: `a problem ${passing.code} stays`, about: `"${passing.name}", ${passing.text}` };
    const due = parts.database.recovery(parts.pairId).find(({ lookAgainAt }) => lookAgainAt !== null);
    if (due !== undefined) return { what: 'a late look is still due', about: due.pointer.locator };
    const user = parts.disk.user();
    const { names, hidden } = seeFolder(user, ROOT);
    const paths = new Set(user.tree(ROOT).map(({ path }) => path));
    for (const path of hidden.keys()) {
      // What came of a download waits for a day.
      if (!path.startsWith('.holdfast/attempts/') || isPartialDownload(path, paths)) continue;
      return { what: 'an attempt is left', about: path };
    }
    if (pair.policies.direction !== 'both') return null;
    return difference(names, seeContainer(parts.container), new Set(problems.map(({ name }) => name)), parts);
  }

  /** Users meant what they deleted; an operator says so where that is asked for. */
  async #answer(): Promise<void> {
    const { witness, parts } = this.#parts;
    if ((await this.#archive.unansweredHolds()).length === 0) return;
    witness.say('the world', 'approves the held deletes', '');
    await this.#archive.approveDeletes(parts.pairId);
  }

  /** What was decided since the last look; names with a problem are tried again and again. */
  #decidedSince(): string {
    const { database, pairId } = this.#parts.parts;
    const problems = new Set<unknown>([...this.#problemsBefore, ...this.#problemNames()]);
    return database
      .history(pairId)
      .slice(this.#historyBefore)
      .filter(({ kind, name }) => (kind === 'decided' || kind === 'acknowledged') && !problems.has(name))
      .map(({ name, text }) => `${name}: ${text}`)
      .join('; ');
  }

  #problemNames(): string[] {
    const { database, pairId } = this.#parts.parts;
    return database.problems(pairId).map(({ name }) => name);
  }

  /** @returns what is wrong when some content is not where somebody is owed it, or null. */
  #missing(): Violation | null {
    const live = this.#live();
    for (const content of this.#parts.book.kept) {
      if (!live.has(content) && !this.#parts.witness.checker.isCopyOvertaken(content))
        return new Violation(1, 'content is at no name any more', JSON.stringify(content));
    }
    const untold = this.#untold(live);
    return untold === null
      ? null
      : new Violation(1, 'displaced, but no recovery pointer leads to it', JSON.stringify(untold));
  }

  #live(): ReadonlySet<string> {
    const { disk, container } = this.#parts.parts;
    return new Set([...seeFolder(disk.user(), ROOT).names.values(), ...seeContainer(container).values()]);
  }

  /** @returns a content that the engine displaced and that neither a name nor a recovery pointer leads to, or null. */
  #untold(live: ReadonlySet<string>): string | null {
    const { book, parts, losesAnswers } = this.#parts;
    const { database, pairId, disk, container } = parts;
    const { hidden } = seeFolder(disk.user(), ROOT);
    const recoverable = new Set<string>();
    for (const { pointer, name } of database.recovery(pairId)) {
      if (pointer.kind === 'trash') {
        const content = hidden.get(`.holdfast/trash/${pointer.locator}`);
        if (content !== undefined) recoverable.add(content);
      } else if (pointer.kind === 'version') {
        recoverable.add(textOf(container.raw.read(name, pointer.locator)));
      }
    }
    const inTrash = [...hidden].filter(([path]) => path.startsWith('.holdfast/trash/'));
    const trashed = new Set(inTrash.map(([, content]) => content));
    for (const content of book.displacedContents) {
      if (live.has(content) || recoverable.has(content)) continue;
      // A version whose writer never heard that he made it has no pointer, but the store lists it.
      if (trashed.has(content) || !losesAnswers) return content;
    }
    return null;
  }
}

/** Users caused it, and only users end it; or it is below such a name. */
function isStanding({ name, code }: Problem, problems: readonly Problem[]): boolean {
  if (STANDING.has(code) || code.startsWith('object-name-')) return true;
  return problems.some((above) => STANDING.has(above.code) && name.startsWith(`${above.name}/`));
}

function pendingOf(database: MemoryDatabase, pairId: number): string {
  return database
    .rows(pairId)
    .filter(({ sides, decision }) => sides !== null || decision !== null)
    .map(({ name, sides, decision, dueAt, heldUntil }) =>
      decision === null
        ? `${name} (candidate ${sides}, due ${dueAt})`
        : `${name} (${decision.action}, ${decision.attempts} attempts, due ${dueAt}, held until ${heldUntil})`,
    )
    .join(', ');
}

/** Names with a problem, and what is below them, may differ. */
function difference(
  here: ReadonlyMap<string, string>,
  upstream: ReadonlyMap<string, string>,
  problems: ReadonlySet<string>,
  { container }: Parts,
): Open | null {
  const odd = new Set(container.oddNames);
  const isExcused = (name: string): boolean => {
    if (odd.has(name)) return true;
    for (let slash = name.length; slash > 0; slash = name.lastIndexOf('/', slash - 1)) {
      if (problems.has(name.slice(0, slash))) return true;
    }
    return false;
  };
  for (const [name, content] of here) {
    if (upstream.get(name) === content || isExcused(name) || content === SPECIAL) continue;
    return unequal(name, content, upstream.get(name));
  }
  // What only excused objects imply is excused with them.
  const unexcused = [...objectsOf(container)].filter(([name]) => !isExcused(name));
  for (const [name, content] of seeObjects(unexcused)) {
    if (here.has(name) || isExcused(name)) continue;
    return unequal(name, undefined, content);
  }
  return null;
}

function unequal(name: string, here: string | undefined, upstream: string | undefined): Open {
  return {
    what: 'both sides are not equal',
    about: `"${name}" is ${described(here)} here and ${described(upstream)} upstream`,
  };
}

function described(content: string | undefined): string {
  if (content === undefined) return 'nothing';
  if (content === DIRECTORY) return 'a directory';
  return isContent(content)
    ? JSON.stringify(content)
    : content === SPECIAL
      ? 'a special file'
      : 'an empty file';
}
