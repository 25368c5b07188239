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
  /** How often the folder was set back: what is open in it since before is no file of its any more. */
  restores = 0;
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
  readonly #namesOf = new Map<string, Set<string>>();
  /** Names that the user of a side changed, whatever way. */
  readonly #touched: Record<SideName, Set<string>> = { here: new Set(), upstream: new Set() };
  #last = 0;

  /**
   * A content that nobody wrote before, of a length that others of its side have too. No length is one of both sides:
   * where times are coarse, an edit of the same length in the very second in which a download came cannot be told.
   */
  newText(side: SideName, size: number): string {
    return this.newTextOf(8 + 8 * size + (side === 'upstream' ? 3 : 0));
  }

  /** Another new content; each part of it tells whose it is, so that a mixture is nothing that anybody wrote. */
  newTextOf(length: number): string {
    this.#last += 1;
    const mark = `<${this.#last}>`;
    return mark.repeat(Math.ceil(length / mark.length)).slice(0, length);
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

  wasAt(name: string, content: string): void {
    if (!isContent(content)) return;
    const names = this.#namesOf.get(content);
    if (names === undefined) this.#namesOf.set(content, new Set([name]));
    else names.add(name);
  }

  /** Whether users had the content at another name, too. */
  wasElsewhere(name: string, content: string): boolean {
    return [...(this.#namesOf.get(content) ?? [])].some((other) => other !== name);
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

  touched(side: SideName, name: string): void {
    this.#touched[side].add(name);
  }

  /** Whether its user changed the name, or one above it. */
  hasTouched(side: SideName, name: string): boolean {
    for (const touched of this.#touched[side]) {
      if (touched === name || name.startsWith(`${touched}/`)) return true;
    }
    return false;
  }

  /** Whether users of either side changed anything below the name. */
  wasTree(name: string): boolean {
    return SIDES.some((side) => [...this.#touched[side]].some((touched) => touched.startsWith(`${name}/`)));
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

  /** What was removed of a side does not count any more, as it was set back; of `but` it does. */
  forgetRemoved(side: SideName, but: ReadonlySet<string>): void {
    for (const name of this.#removed[side]) if (!but.has(name)) this.#removed[side].delete(name);
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
