/** Sides: opens the two sides of a pair as adapters; the only place where steps learn what kind of store a pair has. */
import type { Name } from '#core/name.ts';
import type { LocalFolder } from './local-folder.ts';
import type { ObjectStore } from './object-store.ts';
import type { Pair } from './pair.ts';

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
  close(): Promise<void>;
}
