/**
 * Checker: looks at both sides after every step and holds the engine to the invariants of SPEC.md. It sees what
 * nobody in the world can see at once, knows from the book what users did, and shares no code with the engine.
 */
import type { MemoryDatabase } from '#libs/memory/database.ts';
import type { DiskUser } from '#libs/memory/disk-user.ts';
import { type Book, DIRECTORY, isContent, SIDES, type SideName } from './book.ts';
import type { SimContainer } from './container.ts';
import { contentsOf, isVersion, seeContainer, seeFolder } from './sight.ts';

/** An invariant that does not hold; ends the run. */
export class Violation extends Error {
  /** Its number in SPEC.md. */
  readonly invariant: number;
  /** The same for all violations of one kind, whatever the names and contents. */
  readonly kind: string;

  /** @param what happened, without names; @param about what it happened to. */
  constructor(invariant: number, what: string, about: string) {
    super(`invariant ${invariant}: ${what}: ${about}`);
    this.name = 'Violation';
    this.invariant = invariant;
    this.kind = `${invariant} ${what}`;
  }
}

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
}

interface Seen {
  readonly names: Readonly<Record<SideName, ReadonlyMap<string, string>>>;
  /** Contents below `.holdfast/`. */
  readonly hidden: readonly string[];
  readonly reachable: ReadonlySet<string>;
}

export class Checker {
  readonly #parts: CheckerParts;
  #seen: Seen;
  /** Where contents were before the engine took them away. */
  readonly #lastName = new Map<string, string>();
  /** Names upstream that a user changed since the engine last looked at them. */
  readonly #unseen = new Set<string>();
  #heard = 0;

  constructor(parts: CheckerParts) {
    this.#parts = parts;
    this.#seen = this.#look();
  }

  get names(): Seen['names'] {
    return this.#seen.names;
  }

  /** The engine changed the folder or the container. */
  engineChanged(): void {
    const { book, container } = this.#parts;
    const before = this.#seen;
    const now = this.#look();
    this.#seen = now;
    for (const side of SIDES) {
      for (const [name, content] of now.names[side]) {
        if (!book.isKnown(content)) {
          throw new Violation(3, `what nobody wrote is ${side}`, `${JSON.stringify(content)} at "${name}"`);
        }
      }
      for (const [name, content] of before.names[side]) {
        if (!isContent(content) || now.names[side].get(name) === content) continue;
        if (side === 'here' || container.keepsVersions) book.displaced(content);
        if (side === 'upstream' && this.#parts.isWindowOpen && this.#unseen.has(name)) book.letGo(content);
        this.#lastName.set(content, name);
        const other = side === 'here' ? 'upstream' : 'here';
        const isLive = SIDES.some((each) => hasContent(now.names[each], content));
        if (!isLive && book.hasEnded(other, name, content)) book.letGo(content);
      }
    }
    for (const content of before.reachable) {
      if (now.reachable.has(content) || !book.isOwed(content)) continue;
      if (!container.keepsVersions || !isVersion(container, content)) {
        throw new Violation(1, 'content cannot be reached any more', JSON.stringify(content));
      }
    }
  }

  /** A user did something, just now and by himself. */
  userActed(): void {
    const { book } = this.#parts;
    const before = this.#seen;
    const now = this.#look();
    this.#seen = now;
    for (const side of SIDES) {
      for (const [name, content] of before.names[side]) {
        const after = now.names[side].get(name);
        if (after === content) continue;
        // A directory that objects imply is nothing that anybody put in the file's place.
        if (after === undefined || after === DIRECTORY) book.removedName(side, name);
        if (content === DIRECTORY) this.#removedDirectory(name, now);
        book.ended(side, name, content);
        if (side === 'upstream') this.#unseen.add(name);
        if (isContent(content) && !hasContent(now.names[side], content)) book.tookAway(content);
      }
      for (const name of now.names[side].keys()) {
        if (side === 'upstream' && !before.names[side].has(name)) this.#unseen.add(name);
      }
      for (const content of contentsOf(now.names[side])) if (!book.isKnown(content)) book.wrote(content);
    }
    // What he wrote into a file that had been hidden replaces what was in it.
    for (const content of before.hidden) if (!now.reachable.has(content)) book.tookAway(content);
  }

  /** The engine asked the store about an object. */
  looked(name: string): void {
    this.#unseen.delete(name);
  }

  /** What a commit holds hidden at that moment, its user removed with the directory it came from. */
  #removedDirectory(directory: string, now: Seen): void {
    for (const content of now.hidden) {
      if (this.#lastName.get(content)?.startsWith(`${directory}/`) === true) this.#parts.book.letGo(content);
    }
  }

  /** The database changed: what was acknowledged must have been somebody's wish. */
  databaseChanged(): void {
    const { database, pairId, book } = this.#parts;
    const history = database.history(pairId);
    for (; this.#heard < history.length; this.#heard += 1) {
      const event = history[this.#heard];
      if (event?.kind !== 'acknowledged' || event.name === null || event.side === null) continue;
      const isKept = history.some(({ kind, serial }) => kind === 'conflict' && serial === event.serial);
      if (isKept) continue;
      const row = database.rows(pairId).find(({ name }) => name === event.name);
      const target = event.side === 'local' ? row?.local : row?.remote;
      if (row?.sync.kind !== 'absent' || target?.kind !== 'absent') continue;
      const wisher: SideName = event.side === 'local' ? 'upstream' : 'here';
      const isWished =
        book.hasRemoved(wisher, event.name) ||
        // Directories that objects imply end with the last of them, whoever removed it.
        book.hasRemovedBelow('here', event.name) ||
        book.hasRemovedBelow('upstream', event.name);
      if (!isWished) {
        throw new Violation(6, `deleted ${event.side}, but nobody removed it ${wisher}`, `"${event.name}"`);
      }
    }
  }

  #look(): Seen {
    const { disk, root, container } = this.#parts;
    const folder = seeFolder(disk, root);
    const upstream = seeContainer(container);
    const reachable = new Set<string>();
    for (const content of folder.names.values()) if (isContent(content)) reachable.add(content);
    for (const content of folder.hidden.values()) reachable.add(content);
    for (const content of upstream.values()) if (isContent(content)) reachable.add(content);
    return { names: { here: folder.names, upstream }, hidden: [...folder.hidden.values()], reachable };
  }
}

function hasContent(names: ReadonlyMap<string, string>, content: string): boolean {
  for (const other of names.values()) if (other === content) return true;
  return false;
}
