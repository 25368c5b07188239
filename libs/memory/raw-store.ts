/**
 * Raw store: what simulated users do to a store past every adapter, each call one atomic effect,
 * and what checkers ask of it: the truth about each name and every content that ever was there.
 */

/** One content that was written to a name at any time. */
export interface Recorded {
  readonly name: string;
  /** The store's own id of this write; grows from write to write. */
  readonly id: string;
  readonly kind: 'file' | 'directory' | 'unhandled';
  readonly bytes: Uint8Array;
  /** Whether it ever was what the name gave; never true of what was refused or overtaken. */
  readonly wasCurrent: boolean;
  /** Whether a client of the store can still read it: at its name, or as a version. */
  readonly isReachable: boolean;
}

export interface RawStore {
  put(name: string, bytes: Uint8Array): void;
  putDirectory(name: string): void;
  /** Puts an object whose bytes are not its own. */
  putUnhandled(name: string): void;
  remove(name: string): void;
  /** Current names in order of UTF-8 bytes, directories and special objects too. */
  names(): string[];
  /** What the name holds now, whatever a listing says; null for nothing, directories and special objects. */
  contents(name: string): Uint8Array | null;
  /** What was ever written to the name, oldest first; deletions are not listed. */
  history(name: string): Recorded[];
  /** Names of everything that ever was, in order of UTF-8 bytes. */
  namesEver(): string[];
  /** Bytes that one version holds; null when no client can read it. */
  read(name: string, id: string): Uint8Array | null;
  /** What clients told the container to remember of itself, as a backup of it has it. */
  told(): string;
  /** Has it remember that again, and forget what it was told since, as a restored backup does. */
  tellAgain(told: string): void;
}
