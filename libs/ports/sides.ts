/** Sides: opens the two sides of a pair as adapters; the only place where steps learn what kind of store a pair has. */
import type { Name } from '#core/name.ts';
import type { LocalFolder } from './local-folder.ts';
import type { ObjectStore } from './object-store.ts';
import type { NewStore, Pair } from './pair.ts';

export interface PairSides {
  readonly folder: LocalFolder;
  readonly store: ObjectStore;
  /** Built-in names, the pair's excludes and its `.holdfastignore`: left alone on both sides. */
  isExcluded(name: Name, isDirectory: boolean): boolean;
}

export interface Sides {
  /** The folder's real absolute path, links resolved once, here. @throws HoldfastError folder-missing */
  resolveFolder(folder: string): Promise<string>;
  /** Opens sides of a pair that is not registered yet, apart from all others; the caller closes them. */
  openNew(pair: Pair): Promise<PairSides>;
  /** Opens or reuses; reopened when the pair's revision changed. @throws HoldfastError secret-missing, configuration-invalid */
  open(pair: Pair): Promise<PairSides>;
  /**
   * Logs in to a store that no pair uses yet, and asks it for a container that nobody has. Of S3 it is only seen that
   * it answers: keys may be good for one bucket and no other.
   * @throws HoldfastError credentials-refused, store-unreachable, store-protocol, secret-missing, configuration-invalid
   */
  login(store: NewStore): Promise<void>;
  close(): Promise<void>;
}
