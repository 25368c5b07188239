/**
 * Book: what users wrote and what they took away with their own hands, kept by somebody who sees both sides and
 * shares no code with the engine. A content is the whole text of a file at one moment; every one is new unless a
 * user copied it.
 */
export type SideName = 'here' | 'upstream';

export const SIDES: readonly SideName[] = ['here', 'upstream'];

/** In place of a content: what a name is when it is no file. */
export const DIRECTORY = '/';
export const SPECIAL = '@';

export function isContent(text: string): boolean {
  return text !== DIRECTORY && text !== SPECIAL && text !== '';
}

export class Book {
  /** Contents that some user wrote. */
  readonly #written = new Set<string>();
  /** Of those, the ones that no user took away since: they must end at a name. */
  readonly #kept = new Set<string>();
  /** Contents that the engine took from a name and that no user took away since: they must stay reachable. */
  readonly #displaced = new Set<string>();
  readonly #removed: Record<SideName, Set<string>> = { here: new Set(), upstream: new Set() };
  /** Contents at names that the user of a side ended there, by whatever means. */
  readonly #ended: Record<SideName, Set<string>> = { here: new Set(), upstream: new Set() };
  readonly #put = new Set<string>();
  #last = 0;

  /**
   * A content that nobody wrote before, of a length that others of its side have too. No length is one of both sides:
   * where times are coarse, an edit of the same length in the very second in which a download came cannot be told.
   */
  newText(side: SideName, size: number): string {
    this.#last += 1;
    return `<${this.#last}>`.padEnd(8 + 8 * size + (side === 'upstream' ? 3 : 0), '.');
  }

  /** @param isKept false for what nobody can be asked to keep: written to a file that was replaced long ago. */
  wrote(content: string, isKept = true): void {
    if (!isContent(content)) return;
    this.#written.add(content);
    if (isKept) this.#kept.add(content);
  }

  /** A user overwrote or deleted it, anywhere. */
  tookAway(content: string): void {
    this.#kept.delete(content);
    this.#displaced.delete(content);
  }

  /** It is at no name any more because its users wished so, on either side. */
  letGo(content: string): void {
    this.#kept.delete(content);
  }

  ended(side: SideName, name: string, content: string): void {
    this.#ended[side].add(`${name}\n${content}`);
  }

  /** What the user upstream put at a name. */
  put(name: string, content: string): void {
    this.#put.add(`${name}\n${content}`);
  }

  hasPut(name: string, content: string): boolean {
    return this.#put.has(`${name}\n${content}`);
  }

  hasEnded(side: SideName, name: string, content: string): boolean {
    return this.#ended[side].has(`${name}\n${content}`);
  }

  removedName(side: SideName, name: string): void {
    this.#removed[side].add(name);
  }

  displaced(content: string): void {
    if (isContent(content)) this.#displaced.add(content);
  }

  isKnown(content: string): boolean {
    return !isContent(content) || this.#written.has(content);
  }

  /** Whether it may not become unreachable. */
  isOwed(content: string): boolean {
    return this.#kept.has(content) || this.#displaced.has(content);
  }

  hasRemoved(side: SideName, name: string): boolean {
    return this.#removed[side].has(name);
  }

  hasRemovedBelow(side: SideName, name: string): boolean {
    for (const removed of this.#removed[side]) if (removed.startsWith(`${name}/`)) return true;
    return false;
  }

  get kept(): ReadonlySet<string> {
    return this.#kept;
  }

  get displacedContents(): ReadonlySet<string> {
    return this.#displaced;
  }
}
