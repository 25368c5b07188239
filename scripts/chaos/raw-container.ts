/**
 * Raw container: what users and the checker do to a container directly, and its history, by
 * which the checker knows for certain what a user's write or delete displaced.
 */
export interface RawObject {
  readonly name: string;
  /** The store's digest of its content. */
  readonly hash: string;
  readonly size: number;
  readonly isDirectory: boolean;
}

export interface RawVersion {
  /** Later ones compare greater, as text. */
  readonly id: string;
  readonly kind: 'file' | 'directory' | 'deleted';
  readonly hash: string;
}

/** What a user's act did, for the history. */
export interface RawAct {
  /** The version it made; null when the store tells none. */
  readonly made: string | null;
  /** The version it took away where only the moment can tell; null for none; undefined: see the history. */
  readonly took?: string | null;
}

/** A move in two steps takes away at the old name what is there by then, which may be another content than it copied. */
export interface RawMove extends RawAct {
  /** The second step: the version it made, and the store's digest of what the first one copied; null for none. */
  readonly left: { readonly made: string | null; readonly moved: string } | null;
}

export interface RawContainer {
  readonly name: string;
  /** Without names that belong to the engine. */
  list(): Promise<RawObject[]>;
  read(name: string): Promise<Buffer | null>;
  write(name: string, bytes: Uint8Array): Promise<RawAct>;
  makeDirectory(name: string): Promise<RawAct>;
  /** @returns null when there was nothing. */
  remove(name: string): Promise<RawAct | null>;
  /** @returns null when the source was gone. */
  move(from: string, to: string): Promise<RawMove | null>;
  /** Newest first, of each of these names that has any. */
  versions(names: Iterable<string>): Promise<Map<string, RawVersion[]>>;
  readVersion(name: string, id: string): Promise<Buffer | null>;
  close(): Promise<void>;
}

/** Names in a container that are the engine's own. */
export function isPrivateName(name: string): boolean {
  return name.split('/')[0]?.startsWith('.holdfast') === true;
}
