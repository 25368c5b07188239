/**
 * Checker: looks at both sides after every step and holds the engine to the invariants of SPEC.md. It sees what
 * nobody in the world can see at once, knows from the book what users did, and shares no code with the engine.
 */
import type { MemoryDatabase } from '#libs/memory/database.ts';
import type { DiskUser } from '#libs/memory/disk-user.ts';
import { type Book, DIRECTORY, isContent, SIDES, type SideName, SPECIAL } from './book.ts';
import type { SimContainer } from './container.ts';
import { DeleteCount } from './delete-count.ts';
import type { Restorable } from './scenario.ts';
import { type FolderSight, isVersion, seeContainer, seeFolder, textOf } from './sight.ts';
import { Violation } from './violation.ts';
import { isFolderAway } from './world.ts';

/** What a commit has fetched, and has perhaps not placed yet. */
const STAGED = /^\.holdfast\/attempts\/[^/]+\/new$/;

export interface CheckerParts {
  readonly disk: DiskUser;
  readonly root: string;
  readonly container: SimContainer;
  readonly database: MemoryDatabase;
  readonly pairId: number;
  readonly book: Book;
  /**
   * Whether the store lets a write displace what nobody looked at, and nobody can notice: it heeds no condition, and
   * keeps no versions or lists them late. What came there since the last look is then at most a version.
   */
  readonly isWindowOpen: boolean;
  /** From so many names on deletes are a mass delete, if they are a quarter. */
  readonly holdNames: number;
}

interface Asked {
  readonly process: string;
  /** When it had looked at the name last. */
  readonly lookedAt: number;
  readonly isWrite: boolean;
  /** Its process was told that there will be no answer, while the store may be at work on it. */
  readonly isLost: boolean;
}

export class Checker {
  readonly #parts: CheckerParts;
  #folder: FolderSight;
  #upstream: ReadonlyMap<string, string>;
  /** Where contents were before the engine took them away. */
  readonly #lastName = new Map<string, string>();
  /** Names from which the engine took an empty file here. */
  readonly #emptyTaken = new Set<string>();
  /** What names were before the engine ended them. */
  readonly #lastContent = new Map<string, string>();
  /** Names of a side, by `side name`, whose content the engine moved to another one. */
  readonly #moved = new Set<string>();
  /** When a name was last changed upstream by its user, or by anybody in a window; counted in looks, as all moments here. */
  readonly #changedAt = new Map<string, number>();
  /** When a process last looked at a name upstream. */
  readonly #lookedAt = new Map<string, Map<string, number>>();
  /** Names with work of the engine that was not acknowledged. */
  readonly #unheard = new Set<string>();
  /** Names here that the engine put something at, and did not say so yet. */
  readonly #placed = new Set<string>();
  /** By name: requests that were not answered yet. */
  readonly #asked = new Map<string, readonly Asked[]>();
  /** When a user last put a file at a name upstream or here that was none, by `side name`; counted in looks. */
  readonly #appearedAt = new Map<string, number>();
  /** When work on the pending decision about a name began first. */
  readonly #claimedAt = new Map<string, number>();
  /** The same, as it was when the engine took something from a name of a side, by `side name`. */
  readonly #takenSince = new Map<string, number>();
  readonly #namesOfSerials = new Map<bigint, string>();
  /** Those that a database had issued before it was set back. */
  readonly #lostSerials = new Map<bigint, string>();
  /** When the pair was last united, as the database told when it had been set back. */
  #unitedBefore: number | null = null;
  readonly #deletes: DeleteCount;
  /** Whether a side or the database was set back: then both sides may differ without anybody's doing. */
  #isUnited = false;
  #looks = 0;
  #heard = 0;

  constructor(parts: CheckerParts) {
    this.#parts = parts;
    this.#folder = seeFolder(parts.disk, parts.root);
    this.#upstream = seeContainer(parts.container);
    this.#deletes = new DeleteCount(parts);
  }

  /** The engine changed something on that side. */
  engineChanged(side: SideName): void {
    const { book, isWindowOpen, container } = this.#parts;
    const before = this.#names(side);
    const hiddenBefore = this.#folder.hidden;
    this.#look(side);
    const now = this.#names(side);
    for (const [name, content] of now) {
      if (before.get(name) === content) continue;
      book.wasAt(name, content);
      if (book.isKnown(content)) continue;
      throw new Violation(3, `what nobody wrote is ${side}`, `${JSON.stringify(content)} at "${name}"`);
    }
    const gone: string[] = [];
    for (const [name, content] of before) {
      // A link goes along with the tree that it is in, as what has no content does.
      const isPassenger = (content === '' || content === SPECIAL) && !now.has(parentOf(name));
      const isTreeGone = content === DIRECTORY || isPassenger;
      if (isTreeGone && !now.has(name)) this.#moved.add(`${side} ${name}`);
      if (!now.has(name)) this.#lastContent.set(name, content);
      if (!now.has(name)) this.#takenSince.set(`${side} ${name}`, this.#claimedAt.get(name) ?? 0);
      if (side === 'here' && content === '') this.#emptyTaken.add(name);
      if (!isContent(content) || now.get(name) === content) continue;
      gone.push(content);
      if (hasContent(now, content)) this.#moved.add(`${side} ${name}`);
      this.#takenSince.set(`${side} ${name}`, this.#claimedAt.get(name) ?? 0);
      if (side === 'here' || container.keepsVersions) book.displaced(content);
      if (side === 'upstream' && isWindowOpen && this.#isUnseen(name)) book.letGo(content);
      // Carried out when its order had been given up: what it displaced is a version that nobody comes to look for.
      if (side === 'upstream' && container.keepsVersions && this.#isLateWrite(name)) book.letGo(content);
      this.#lastName.set(content, name);
      const other = side === 'here' ? 'upstream' : 'here';
      if (book.hasEnded(other, name, content) && !this.#isAtName(content)) book.letGo(content);
      if (side === 'here' && this.#wasOvertaken(name, content)) book.letGo(content);
    }
    if (side === 'upstream' && isWindowOpen && !container.keepsVersions) this.#noteWrites(before, now);
    if (side === 'here') {
      for (const [path, content] of hiddenBefore) {
        if (this.#folder.hidden.get(path) !== content) gone.push(content);
      }
    }
    for (const content of gone) {
      if (book.isOwed(content) && !this.#isReachable(content)) {
        throw new Violation(1, 'content cannot be reached any more', JSON.stringify(content));
      }
    }
  }

  /** A user did something, just now and by himself. */
  userActed(): void {
    const { book } = this.#parts;
    const hiddenBefore = this.#folder.hidden;
    for (const side of SIDES) {
      const before = this.#names(side);
      this.#look(side);
      const now = this.#names(side);
      for (const [name, content] of before) {
        const after = now.get(name);
        if (after === content) continue;
        book.touched(side, name);
        // Gone by his doing, and so not by the engine's.
        if (after === undefined) this.#lastContent.delete(name);
        // A directory that objects imply is nothing that anybody put in the file's place.
        if (after === undefined || after === DIRECTORY) book.removedName(side, name);
        if (content === DIRECTORY) this.#removedDirectory(name);
        book.ended(side, name, content);
        if (side === 'upstream') this.#changedAt.set(name, this.#now());
        if (side === 'upstream' && isFile(content) && !isFile(after)) this.#replaced(name);
        if (!isContent(content)) continue;
        if (!hasContent(now, content)) book.tookAway(content);
        // The copy comes before the loss of the original: who removes the one does not get it again from the other.
        else if (isConflictCopy(name)) book.letGo(content);
      }
      for (const [name, content] of now) {
        if (isFile(content) && !isFile(before.get(name))) {
          this.#appearedAt.set(`${side} ${name}`, this.#now());
          this.#deletes.isBack(name);
        }
        if (side === 'upstream' && !before.has(name)) this.#changedAt.set(name, this.#now());
        if (!before.has(name)) book.touched(side, name);
        if (side === 'upstream' && before.get(name) !== content) book.put(name, content);
        if (side === 'upstream' && isFile(content) && before.get(name) !== content) this.#replaced(name);
        if (before.get(name) !== content) book.wasAt(name, content);
        if (isContent(content) && !book.isKnown(content)) book.wrote(content);
      }
    }
    // Of empty files that were hidden, each is like the other.
    const wroteFirst = [...this.#folder.hidden.keys()].some((path) => !hiddenBefore.has(path));
    if (wroteFirst) for (const name of this.#emptyTaken) book.touched('here', name);
    // What he wrote into a file that had been hidden replaces what was in it.
    for (const [path, content] of hiddenBefore) {
      const written = this.#folder.hidden.get(path);
      if (written === content) continue;
      const name = this.#lastName.get(content);
      if (written !== undefined && name !== undefined) {
        this.#lastName.set(written, name);
        book.touched('here', name);
      }
      if (!this.#isAtName(content) && !hasContent(this.#folder.hidden, content)) book.tookAway(content);
    }
  }

  /** The database or a side was set back. Nobody wished for what is gone by that: nothing may follow from it (invariant 6). */
  restored(what: Restorable): void {
    const { book, database, pairId } = this.#parts;
    this.#isUnited = true;
    this.#deletes.restart();
    const claimed = new Set(this.#claimedAt.keys());
    // What is already on its way may come after the union has found both sides equal.
    for (const side of SIDES) for (const name of claimed) book.removedName(side, name);
    if (what === 'database') {
      // Issued again to what was under way, until the next look at a side notices and serials leap.
      for (const [serial, name] of this.#namesOfSerials) this.#lostSerials.set(serial, name);
      this.#namesOfSerials.clear();
      this.#unitedBefore = this.#unitedAt();
      this.#heard = database.history(pairId).length;
      for (const side of SIDES) book.forgetRemoved(side, claimed);
      this.#forgetRescues();
      return;
    }
    const side: SideName = what === 'container' ? 'upstream' : 'here';
    if (side === 'here') {
      book.restores += 1;
      this.#forgetRescues();
    } else this.#loseRescues();
    const before = new Set([...this.#names(side).values(), ...this.#folder.hidden.values()]);
    const namesBefore = this.#names(side);
    this.#look(side);
    // What was being fetched when the backup was taken is no copy of what went to the trash since.
    const aside = new Map([...this.#folder.hidden].filter(([path]) => !STAGED.test(path)));
    for (const content of before) {
      if (!isContent(content) || this.#isAtName(content)) continue;
      if (hasContent(aside, content)) book.letGo(content);
      else book.tookAway(content);
    }
    for (const [name, content] of this.#names(side)) {
      if (namesBefore.get(name) === content) continue;
      this.#appearedAt.set(`${side} ${name}`, this.#now());
      if (side === 'upstream') this.#changedAt.set(name, this.#now());
      if (side === 'upstream') book.put(name, content);
      if (isContent(content)) book.wrote(content);
      if (isContent(content) && claimed.has(name)) book.letGo(content);
    }
    book.forgetRemoved(side, claimed);
  }

  /**
   * That a write upstream had displaced something, only an order knew that ends with the union, or a database that is no
   * more; a version of its object it is still.
   */
  #forgetRescues(): void {
    const { book, container } = this.#parts;
    for (const content of this.#unrescued()) {
      if (container.keepsVersions && isVersion(container, content)) book.letGo(content);
    }
  }

  /** What a write upstream had displaced, the container kept, and whoever would have rescued it goes by what is no more. */
  #loseRescues(): void {
    const { book, container } = this.#parts;
    for (const content of this.#unrescued()) {
      if (isVersion(container, content)) book.letGo(content);
      else book.tookAway(content);
    }
  }

  /**
   * What a write or delete of the engine had displaced at the name, and nobody had rescued yet, its user would have
   * replaced by what he writes there now, or removed with what he removes: it stays the version that he would have made
   * of it.
   */
  #replaced(name: string): void {
    for (const content of this.#unrescued()) {
      if (this.#lastName.get(content) === name) this.#parts.book.letGo(content);
    }
  }

  /** Contents that the engine displaced, and that are neither at a name nor hidden. */
  #unrescued(): string[] {
    return [...this.#parts.book.displacedContents].filter(
      (content) => !this.#isAtName(content) && !hasContent(this.#folder.hidden, content),
    );
  }

  /** What waited to be deleted comes again from the other side, as if somebody had just written it there. */
  reverted(): void {
    const { book } = this.#parts;
    for (const side of SIDES) for (const name of this.#names(side).keys()) book.touched(side, name);
  }

  /** A worker begins to carry out what was decided about these names. */
  claimed(names: readonly string[]): void {
    for (const name of names) if (!this.#claimedAt.has(name)) this.#claimedAt.set(name, this.#now());
  }

  /** It was carried out, or given back: also what is in its place already, when the disk failed right after. */
  ended(names: readonly string[], how: 'acknowledged' | 'given-back'): void {
    for (const name of names) {
      this.#claimedAt.delete(name);
      if (this.#placed.delete(name) && how === 'given-back') this.#unheard.add(name);
    }
  }

  /** A worker that stood still until its claim had ended carried these out, or gave them up, and nobody heard of it. */
  unheard(names: readonly string[]): void {
    for (const name of names) this.#unheard.add(name);
  }

  /** Counts, so that of two events the later one has the greater number. */
  #now(): number {
    this.#looks += 1;
    return this.#looks;
  }

  /** A serial is issued once (invariant 4), also by a database that was set back: it leaps when the pair is united. */
  serialsChanged(): void {
    const { database, pairId } = this.#parts;
    const hasLeapt = this.#lostSerials.size > 0 && this.#unitedAt() !== this.#unitedBefore;
    for (const { name, localSerial, remoteSerial, syncSerial, decision } of database.rows(pairId)) {
      for (const serial of [localSerial, remoteSerial, syncSerial, decision?.serial ?? 0n]) {
        if (serial === 0n) continue;
        const lost = hasLeapt ? this.#lostSerials.get(serial) : undefined;
        const known = this.#namesOfSerials.get(serial) ?? lost ?? name;
        if (known !== name)
          throw new Violation(4, 'one serial for two names', `${serial} for "${known}" and "${name}"`);
        this.#namesOfSerials.set(serial, name);
      }
    }
  }

  #unitedAt(): number | null {
    const { database, pairId } = this.#parts;
    return database.pair(pairId)?.union?.at.getTime() ?? null;
  }

  /** The engine put something at a name; where it is not there, its user moved the directory away at that moment. */
  placed(name: string): void {
    this.#placed.add(name);
    const { book } = this.#parts;
    if (!this.#folder.names.has(name)) book.removedName('here', name);
    // Moved away before that: it is placed in the same directory, which has another name by now.
    for (const claimed of this.#claimedAt.keys()) {
      if (claimed !== name && baseOf(claimed) === baseOf(name) && !this.#folder.names.has(claimed))
        book.removedName('here', claimed);
    }
  }

  /** A process asked the store about an object, to write there. */
  looked(process: string, name: string): void {
    const looks = this.#lookedAt.get(name) ?? new Map<string, number>();
    this.#lookedAt.set(name, looks.set(process, this.#now()));
  }

  /** A process asks the store for something and has no answer: what came to the name since it looked, it cannot know of. */
  asked(process: string, name: string, request: Pick<Asked, 'isWrite' | 'isLost'>): void {
    const lookedAt = this.#lookedAt.get(name)?.get(process) ?? 0;
    const asked = [...(this.#asked.get(name) ?? [])];
    // One that was sent, and then counts as lost, is one request.
    const sent = request.isLost ? asked.findLastIndex((one) => one.process === process && !one.isLost) : -1;
    if (sent >= 0) asked.splice(sent, 1);
    this.#asked.set(name, [...asked, { process, lookedAt, ...request }]);
  }

  /** Of its requests the latest: those before may have lost their answers. */
  answered(process: string, name: string, isFailure: boolean): void {
    const asked = [...(this.#asked.get(name) ?? [])];
    const at = asked.findLastIndex((request) => request.process === process);
    if (at < 0) return;
    const [request] = asked.splice(at, 1);
    if (isFailure && request !== undefined) asked.push({ ...request, isLost: true });
    this.#asked.set(name, asked);
  }

  #isLateWrite(name: string): boolean {
    const writes = this.#writesUnderWay(name);
    return writes.length > 0 && writes.every(({ isLost }) => isLost);
  }

  #writesUnderWay(name: string): readonly Asked[] {
    return (this.#asked.get(name) ?? []).filter(({ isWrite }) => isWrite);
  }

  /** What one worker put into the window, another one that looked before and writes now displaces like any other's. */
  #noteWrites(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): void {
    for (const [name, content] of now) {
      if (before.get(name) !== content) this.#changedAt.set(name, this.#now());
    }
  }

  /** Whether the name was changed upstream since whoever writes there looked; a copy names only what it copies. */
  #isUnseen(name: string): boolean {
    const asked = this.#writesUnderWay(name);
    const looks = this.#lookedAt.get(name)?.values() ?? [];
    const lookedAt =
      asked.length > 0 ? Math.min(...asked.map((request) => request.lookedAt)) : Math.max(0, ...looks);
    return (this.#changedAt.get(name) ?? 0) > lookedAt;
  }

  /** What a commit holds hidden at that moment, its user removed with the directory it came from. */
  #removedDirectory(directory: string): void {
    for (const content of this.#folder.hidden.values()) {
      if (this.#lastName.get(content)?.startsWith(`${directory}/`) === true) this.#parts.book.letGo(content);
    }
  }

  /** The database changed: what was acknowledged must have been somebody's wish. */
  databaseChanged(): void {
    const { database, pairId, book } = this.#parts;
    const history = database.history(pairId);
    for (; this.#heard < history.length; this.#heard += 1) {
      const event = history[this.#heard];
      if (event !== undefined) this.#deletes.heard(event, this.#lastContent);
      if (event?.kind === 'conflict' && event.name !== null) this.#assertBothWrote(event.name);
      if (event?.kind !== 'acknowledged' || event.name === null || event.side === null) continue;
      const isKept = history.some(({ kind, serial }) => kind === 'conflict' && serial === event.serial);
      if (isKept) continue;
      const row = database.rows(pairId).find(({ name }) => name === event.name);
      const target = event.side === 'local' ? row?.local : row?.remote;
      if (row?.sync.kind !== 'absent' || target?.kind !== 'absent') continue;
      const wisher: SideName = event.side === 'local' ? 'upstream' : 'here';
      if (this.#wasBack(wisher, event.name)) {
        throw new Violation(
          6,
          `deleted ${event.side}, but it was ${wisher} again by then`,
          `"${event.name}"`,
        );
      }
      const isWished =
        book.hasRemoved(wisher, event.name) ||
        // Gone by its own user's doing: nothing was deleted.
        book.hasRemoved(wisher === 'here' ? 'upstream' : 'here', event.name) ||
        // A tree that lost its name to a file goes on below its conflict name.
        this.#moved.has(`${wisher} ${event.name}`) ||
        // Directories that objects imply end with the last of them, whoever removed it.
        book.hasRemovedBelow('here', event.name) ||
        book.hasRemovedBelow('upstream', event.name);
      if (!isWished) {
        throw new Violation(6, `deleted ${event.side}, but nobody removed it ${wisher}`, `"${event.name}"`);
      }
    }
  }

  /** What only one side's user ever changed is no conflict: the other side's change is our own (invariant 11). */
  #assertBothWrote(name: string): void {
    const { book } = this.#parts;
    // What was sent below a directory may outlive it by a moment, and stand in the way of the file in its place.
    if (this.#isUnited || isConflictCopy(name) || book.wasTree(name)) return;
    // Fenced off, yet done: to those who work there now it is somebody else's change.
    if (this.#unheard.has(name)) return;
    for (const side of SIDES) {
      if (book.hasTouched(side, name)) continue;
      // A write whose answer was lost may come true after its order was given up: nobody can know it for ours then.
      if (side === 'upstream' && this.#writesUnderWay(name).length > 0) continue;
      if (side === 'upstream' && this.#isListedLate(name)) continue;
      throw new Violation(11, `a conflict, but nobody changed it ${side}`, `"${name}"`);
    }
  }

  /** What had the name before and was deleted looks displaced for as long as no list tells of its end; it is kept twice then. */
  #isListedLate(name: string): boolean {
    const { container, isWindowOpen } = this.#parts;
    return isWindowOpen && container.keepsVersions && container.raw.history(name).length > 1;
  }

  /**
   * A store that orders writes by their beginning may show what a user did upstream without ever showing what we wrote,
   * though it confirmed that. To the engine he overwrote or removed what had been synced.
   */
  #wasOvertaken(name: string, content: string): boolean {
    const { book, container } = this.#parts;
    const history = container.raw.history(name).map((written) => ({
      ...written,
      text: written.kind === 'directory' ? DIRECTORY : textOf(written.bytes),
    }));
    const ours = history.findLastIndex(({ text }) => text === content);
    if (ours < 0) return false;
    if (history.slice(ours + 1).some(({ text }) => book.hasPut(name, text))) return true;
    const isUnshown = history.every(({ text, wasCurrent }) => text !== content || !wasCurrent);
    return isUnshown && book.hasRemoved('upstream', name);
  }

  /** Whether a user put something at the very name of its conflict copy while that was made: the one who wrote last has it. */
  isCopyOvertaken(content: string): boolean {
    const { book, container } = this.#parts;
    return container.raw.namesEver().some((name) => {
      if (!isConflictCopy(name)) return false;
      const texts = container.raw.history(name).map(({ bytes }) => textOf(bytes));
      return texts.includes(content) && texts.some((text) => book.hasPut(name, text));
    });
  }

  /** Whether a user had put the name there again before a worker began, and left it there. */
  #wasBack(wisher: SideName, name: string): boolean {
    const content = this.#names(wisher).get(name);
    if (content === undefined || !isContent(content)) return false;
    const appearedAt = this.#appearedAt.get(`${wisher} ${name}`) ?? 0;
    const target = wisher === 'here' ? 'upstream' : 'here';
    return appearedAt > 0 && appearedAt < (this.#takenSince.get(`${target} ${name}`) ?? 0);
  }

  #look(side: SideName): void {
    const { disk, root, container } = this.#parts;
    // What is not mounted is as it was, and no loss.
    if (side === 'here') this.#folder = isFolderAway(disk) ? this.#folder : seeFolder(disk, root);
    else this.#upstream = seeContainer(container);
  }

  #names(side: SideName): ReadonlyMap<string, string> {
    return side === 'here' ? this.#folder.names : this.#upstream;
  }

  #isAtName(content: string): boolean {
    return hasContent(this.#folder.names, content) || hasContent(this.#upstream, content);
  }

  #isReachable(content: string): boolean {
    const { container } = this.#parts;
    if (this.#isAtName(content) || hasContent(this.#folder.hidden, content)) return true;
    return container.keepsVersions && isVersion(container, content);
  }
}

function isFile(sight: string | undefined): boolean {
  return sight !== undefined && sight !== DIRECTORY && sight !== SPECIAL;
}

function baseOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

function parentOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}

function isConflictCopy(name: string): boolean {
  return /_\d{8}T\d{6}\.\d{3}Z_/.test(name);
}

function hasContent(names: ReadonlyMap<string, string>, content: string): boolean {
  for (const other of names.values()) if (other === content) return true;
  return false;
}
