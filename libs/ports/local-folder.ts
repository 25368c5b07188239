/**
 * Local folder: the LOCAL side of a pair. Every name is resolved component by component
 * against open directory descriptors without following links, so nothing outside the
 * folder is read or written, whatever is planted or swapped meanwhile (invariant 8).
 */
import type { Generation, SideGeneration } from '#core/generation.ts';
import type { Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import type { LocalState, SyncState } from '#core/state.ts';
import type { CommitOrder, CommitOutcome, RecoveryPointer } from './commit.ts';
import type { Staged, StageOutcome } from './content.ts';
import type { DigestSpec } from './digest.ts';

/** One step of a walk. */
export type WalkItem =
  | { readonly kind: 'entry'; readonly name: Name; readonly state: LocalState }
  /** Something that no name can hold; `shown` is printable, with escapes. */
  | { readonly kind: 'unsyncable'; readonly shown: string; readonly code: string; readonly text: string }
  /** A directory whose contents could not be read: names below it are unknown, not absent. */
  | { readonly kind: 'unreadable'; readonly name: Name; readonly text: string };

export interface LocalFolderFacts {
  readonly hardLinks: boolean;
  /** Names that differ only in case, or only in Unicode form, are the same file here. */
  readonly foldsCase: boolean;
  readonly foldsUnicode: boolean;
}

export type ProbeOutcome =
  | { readonly result: 'state'; readonly state: LocalState }
  /** A commit of ours holds the name half-way: neither absent nor present; ask again. */
  | { readonly result: 'in-commit' }
  /** The name cannot exist here as named (a case or Unicode twin holds it). */
  | { readonly result: 'twin'; readonly twin: string };

/** What a late look at trashed content finds. */
export type LateLook =
  | 'unchanged'
  /** An earlier look, whose process died, made the conflict copy. */
  | 'gone'
  /** A writer who held the file open went on; what he made of it has this name. */
  | { readonly copy: Name };

/** Where in the trash something lies; its name is not read for that. */
export interface TrashPlace {
  /** Beginning of its pointer's locator, to the last slash. */
  readonly place: string;
  /** Serial of the decision that displaced it. */
  readonly serial: Serial;
}

/** What lies in the trash, as its own record tells. */
export interface TrashItem {
  readonly name: Name;
  /** Serial of the decision that displaced it. */
  readonly serial: Serial;
  /** Milliseconds since the epoch. */
  readonly displacedAt: number;
  readonly pointer: RecoveryPointer;
}

export interface LocalFolder {
  readonly facts: LocalFolderFacts;

  /**
   * Makes a folder a pair's: checks it, makes `.holdfast/` with its marker, finds out `facts`.
   * @throws HoldfastError folder-missing, folder-denied, already-exists (marker of another pair)
   */
  attach(pairId: string): Promise<LocalFolderFacts>;

  /** Takes the marker away, so that the folder can be paired again; keeps the trash, and leaves nothing where there is none. Idempotent, also when the folder is gone. */
  detach(): Promise<void>;

  /**
   * @returns the generation that the marker tells, to be compared with what the database remembers.
   * @throws HoldfastError folder-missing, folder-unmarked, folder-denied: then nothing about names may be concluded (invariant 6).
   */
  check(): Promise<SideGeneration>;

  /**
   * Tells the folder its generation: rewrites the marker atomically. A higher one stays.
   * @param isKept whether what the marker tells right before is what the database remembers; else it stays, too, as it
   * is all that gives a folder away that was restored since the last look (invariant 6).
   * @returns what the marker tells then.
   * @throws as `check`.
   */
  tell(generation: Generation, isKept: (found: SideGeneration) => boolean): Promise<SideGeneration>;

  /**
   * All entries in order of the UTF-8 bytes of their names, without following links and without `.holdfast/`
   * and what `isExcluded` names (excluded directories are not entered).
   * Memory is bounded by the largest directories along one path. Names that appear or vanish meanwhile may be missed.
   */
  walk(isExcluded: (name: Name, isDirectory: boolean) => boolean): AsyncIterable<WalkItem>;

  /** The live state of one name; `hash` of a file is null. @throws as `check` when the root is gone. */
  probe(name: Name): Promise<ProbeOutcome>;

  /** Digest of a file that is still `expected`. @returns null when it changed before or while it was read. */
  hash(name: Name, expected: LocalState, digest: DigestSpec): Promise<string | null>;

  /** Stage for upload. `settledBefore` (ms since the epoch): a file modified later is still being written. */
  stage(name: Name, expected: LocalState, digest: DigestSpec, settledBefore: number): Promise<StageOutcome>;

  /**
   * Pull: fetches into a private file, verifies, and puts it under the name by the commit protocol. Missing parent
   * directories are made. Repairs what a crashed commit of the same name left behind first. Of large content, what an
   * attempt brought that was killed, or lost its source, is taken over by the next one of the same content.
   */
  pull(name: Name, content: Staged, order: CommitOrder<LocalState>): Promise<CommitOutcome<LocalState>>;

  /** Removes the entry if it still is `order.expected`; a file goes to the trash, a directory must be empty. */
  remove(name: Name, order: CommitOrder<LocalState>): Promise<CommitOutcome<LocalState>>;

  /**
   * For an order that is given up since its source moved on: repairs what an earlier attempt left, and tells what it
   * displaced without anybody hearing of it. @param wanted what the order would have put at the name.
   * @returns `applied`, as that attempt would have reported it, when its effect stands; else `stale`.
   */
  giveUp(
    name: Name,
    wanted: SyncState,
    digest: DigestSpec,
    order: CommitOrder<LocalState>,
  ): Promise<CommitOutcome<LocalState>>;

  /**
   * Repairs all commits that began before `before` (ms since the epoch) and never ended; what came of large downloads
   * is kept for a day.
   * Their outcome was lost with their process; what they put into the trash is told by `trashed`.
   * @returns names that may have changed by it.
   */
  recover(before: number): Promise<readonly Name[]>;

  /**
   * The late look: when a trashed file changed after it was displaced, a writer held it open; its content becomes
   * a conflict copy. What else was kept of it stays until `discard`.
   */
  lookAgain(name: Name, pointer: RecoveryPointer, conflictName: (attempt: number) => Name): Promise<LateLook>;

  /** What the trash holds under a pointer; null when nothing. @param digest null: content is not read, and `hash` is null. */
  inspect(
    pointer: RecoveryPointer,
    digest: DigestSpec | null,
  ): Promise<{ readonly size: number; readonly hash: string | null } | null>;

  /**
   * What lies in the trash, less what `known` says need not be told; it is asked of many at a time.
   * Memory is that of one day's listing.
   */
  trashed(known: (places: readonly TrashPlace[]) => Promise<ReadonlySet<string>>): AsyncIterable<TrashItem>;

  /** Puts trashed content back under `name` if nothing is there. @returns false when the name is taken. */
  restore(name: Name, pointer: RecoveryPointer): Promise<boolean>;

  /** Deletes one trashed thing whose retention ended. Idempotent. */
  discard(pointer: RecoveryPointer): Promise<void>;

  close(): Promise<void>;
}

/** Hints that names may have changed; `lost` says that any name may have. */
export type ChangeHint =
  | { readonly kind: 'names'; readonly names: readonly Name[] }
  | { readonly kind: 'lost'; readonly reason: string };

export interface ChangeSource {
  /** Starts watching; `onHint` is called from then until `close`. Resolves once changes are seen. */
  start(onHint: (hint: ChangeHint) => void): Promise<void>;
  close(): Promise<void>;
}
