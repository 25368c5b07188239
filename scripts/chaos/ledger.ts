/**
 * Ledger: every content that a user of a pair ever wrote, where its users put it, and which of
 * them took it away having had it before them. It is entered before the write, so that whatever
 * a reader sees and the ledger does not know is nobody's whole content.
 */
import { EMPTY_NAMES, md5, pithosHash } from './content.ts';
import type { Journal } from './journal.ts';

export interface Content {
  readonly id: string;
  readonly md5: string;
  /** As the pair's store knows it; equals `md5` but on Pithos. */
  readonly storeHash: string;
  readonly size: number;
  readonly writer: string;
  readonly writtenAt: string;
  /** Where users put it, renames too. */
  readonly names: Set<string>;
  /** Who took it away, and how; empty while nobody did. */
  readonly removals: string[];
  /** Acts that may have displaced it: it was there just before, and by the store's history they displaced another. */
  readonly overtaken: string[];
  /** False when the write failed: then it never was anywhere. */
  isWritten: boolean;
}

export type StoreDigest = (bytes: Uint8Array) => string;

export const swiftDigest: StoreDigest = md5;
export const pithosDigest =
  (blockSize: number): StoreDigest =>
  (bytes) =>
    pithosHash(bytes, blockSize);

export class Ledger {
  readonly pair: string;
  readonly digest: StoreDigest;
  readonly #journal: Journal;
  readonly #byMd5 = new Map<string, Content>();
  readonly #byStoreHash = new Map<string, Content>();
  /** Digests of uploads that a proxy damaged on their way; what a store shows of them is not the engine's doing. */
  readonly #damaged = new Set<string>();
  /** When a user last replaced or deleted at a name something it had not looked at before. */
  readonly #blind = new Map<string, string>();
  /** Names that an operator brought back, though a user had taken them away: what they hold may be elsewhere, too. */
  readonly #broughtBack = new Set<string>();
  /** Every name that was ever seen or used, for the stores' histories. */
  readonly names = new Set<string>();

  constructor(pair: string, digest: StoreDigest, journal: Journal) {
    this.pair = pair;
    this.digest = digest;
    this.#journal = journal;
  }

  /** Enters a content before it is written. */
  enter(id: string, bytes: Uint8Array, writer: string, name: string): Content {
    const content: Content = {
      id,
      md5: md5(bytes),
      storeHash: this.digest(bytes),
      size: bytes.length,
      writer,
      writtenAt: new Date().toISOString(),
      names: new Set([name]),
      removals: [],
      overtaken: [],
      isWritten: true,
    };
    this.names.add(name);
    if (bytes.length === 0) return content;
    this.#byMd5.set(content.md5, content);
    this.#byStoreHash.set(content.storeHash, content);
    this.#journal.note('written', {
      pair: this.pair,
      id,
      writer,
      name,
      md5: content.md5,
      size: content.size,
    });
    return content;
  }

  /** The write failed as a whole. */
  withdraw(content: Content, reason: string): void {
    content.isWritten = false;
    this.#journal.note('withdrawn', { pair: this.pair, id: content.id, reason });
  }

  /** A user put known content at another name. */
  placed(content: Content | undefined, name: string, by: string): void {
    this.names.add(name);
    if (content === undefined) return;
    content.names.add(name);
    this.#journal.note('placed', { pair: this.pair, id: content.id, name, by });
  }

  /** A user took away content that was, for certain, what its act displaced. */
  removed(content: Content | undefined, how: string): void {
    if (content === undefined) return;
    content.removals.push(how);
    this.#journal.note('removed', { pair: this.pair, id: content.id, how });
  }

  /** A user's act may have displaced what it had not seen: the engine was at the name at that moment. */
  blind(name: string, how: string): void {
    this.#blind.set(name, new Date().toISOString());
    this.#journal.note('blind', { pair: this.pair, name, how });
  }

  /**
   * A user's act displaced this content or another: it was at the name a moment before, while the history holds
   * another version below the act, as it does after a writer took its own later version back.
   */
  overtaken(content: Content | undefined, how: string): void {
    content?.overtaken.push(how);
  }

  broughtBack(name: string): void {
    this.#broughtBack.add(name);
  }

  wasBroughtBack(name: string): boolean {
    return this.#broughtBack.has(name);
  }

  /** Whether such an act may have met this content. */
  mayHaveGoneUnseen(content: Content): boolean {
    if (content.overtaken.length > 0) return true;
    return [...content.names].some((name) => (this.#blind.get(name) ?? '') > content.writtenAt);
  }

  ofMd5(hash: string): Content | undefined {
    return this.#byMd5.get(hash);
  }

  ofStoreHash(hash: string): Content | undefined {
    return this.#byStoreHash.get(hash);
  }

  /** Whether a file of this size at this name may be nobody's own: empty, at a name for it. */
  mayBeEmpty(name: string): boolean {
    return name.slice(name.lastIndexOf('/') + 1).startsWith(EMPTY_NAMES);
  }

  damaged(bytes: Uint8Array): void {
    this.#damaged.add(this.digest(bytes));
    this.#damaged.add(md5(bytes));
  }

  isDamaged(hash: string): boolean {
    return this.#damaged.has(hash);
  }

  contents(): Content[] {
    return [...this.#byMd5.values()].filter((content) => content.isWritten);
  }
}
