/**
 * Watch tree: one kernel watch for each directory, set on a descriptor that was opened component
 * by component without following links. By a path the kernel would look it up again, and a link
 * swapped in meanwhile would have us watch and list what lies outside (invariant 8).
 */
import { type Name, nameFault, PRIVATE_DIRECTORY } from '#core/name.ts';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import { type OpenDirectory, systemCode } from './file-system.ts';
import { type DirectoryWatch, linuxFileSystem, watchDirectory } from './linux-file-system.ts';
import { openRoot } from './open-folder.ts';
import { openParent } from './resolve.ts';
import { decodeSegment } from './walk.ts';

/** System calls block the process; after so many entries others get their turn. */
const ENTRIES_PER_TURN = 200;

export interface WatchTreeOptions {
  /** Absolute path of the folder. */
  readonly root: string;
  readonly isExcluded: (name: Name, isDirectory: boolean) => boolean;
  /** Something happened at this name. Of a directory that is new all contents are told, of one that is gone only itself. */
  onName(name: Name): void;
  /** Any name may have changed. */
  onLost(reason: string): void;
}

interface Watched {
  /** Empty for the root. */
  readonly name: string;
  readonly watch: DirectoryWatch | null;
  readonly below: Map<string, Watched>;
  /** Segments that appeared, vanished or were replaced since they were last looked at. */
  readonly changed: Set<string>;
  isDropped: boolean;
}

export class WatchTree {
  private readonly options: WatchTreeOptions;
  private root: Watched | null = null;
  private readonly toLook = new Set<Watched>();
  private looking: Promise<void> | null = null;
  private isClosed = false;
  private steps = 0;

  constructor(options: WatchTreeOptions) {
    this.options = options;
  }

  /** Resolves once every directory is watched. @throws HoldfastError folder-missing, folder-denied */
  async open(): Promise<void> {
    const directory = await openRoot({ fileSystem: linuxFileSystem, root: this.options.root });
    try {
      this.root = this.watch(directory, '');
      await this.enter(directory, this.root, false);
    } finally {
      await directory.close();
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.root !== null) drop(this.root);
    await this.looking;
  }

  /** Watches all below an open directory. @param isTold whether its contents are news. */
  private async enter(directory: OpenDirectory, watched: Watched, isTold: boolean): Promise<void> {
    for (const { segment, name, isDirectory } of this.contentsOf(directory, watched.name)) {
      this.steps += 1;
      if (this.steps % ENTRIES_PER_TURN === 0) await new Promise<void>((resume) => setImmediate(resume));
      if (this.isClosed || watched.isDropped) return;
      if (isTold) this.options.onName(name);
      if (isDirectory) await this.enterBelow(directory, watched, segment, name, isTold);
    }
  }

  private async enterBelow(
    above: OpenDirectory,
    parent: Watched,
    segment: string,
    name: Name,
    isTold: boolean,
  ): Promise<void> {
    const directory = openIfDirectory(above, segment);
    if (directory === null) return;
    try {
      const earlier = parent.below.get(segment);
      const watched = this.watch(directory, name);
      parent.below.set(segment, watched);
      // Only now: a directory that still is the same one is watched without a gap.
      if (earlier !== undefined) drop(earlier);
      await this.enter(directory, watched, isTold);
    } finally {
      directory.closeNow();
    }
  }

  /** What may be synced in a directory; empty when it cannot be listed, which the scan tells. */
  private contentsOf(directory: OpenDirectory, above: string): Content[] {
    try {
      return directory.listNow().flatMap(({ bytes, isDirectory }) => {
        const content = contentOf(above, bytes);
        if (content === null || this.options.isExcluded(content.name, isDirectory)) return [];
        return [{ ...content, isDirectory }];
      });
    } catch (thrown) {
      if (systemCode(thrown) === undefined) throw thrown;
      return [];
    }
  }

  private watch(directory: OpenDirectory, name: string): Watched {
    const watched: Watched = {
      name,
      watch: this.setWatch(directory, (what, bytes) => this.heard(watched, what, bytes)),
      below: new Map(),
      changed: new Set(),
      isDropped: false,
    };
    return watched;
  }

  private setWatch(
    directory: OpenDirectory,
    onEvent: Parameters<typeof watchDirectory>[1],
  ): DirectoryWatch | null {
    const failed = (error: unknown): void => this.options.onLost(watchFailure(error));
    try {
      return watchDirectory(directory, onEvent, failed);
    } catch (thrown) {
      failed(thrown);
      return null;
    }
  }

  private heard(watched: Watched, what: 'entry' | 'content', bytes: string | null): void {
    if (this.isClosed || watched.isDropped) return;
    if (bytes === null) {
      // The watch of the directory above tells what becomes of any other.
      if (watched === this.root && what === 'entry')
        this.options.onLost('the folder itself was moved or removed');
      return;
    }
    const content = contentOf(watched.name, bytes);
    if (content === null) return;
    const { name, segment } = content;
    if (this.options.isExcluded(name, false) && this.options.isExcluded(name, true)) return;
    this.options.onName(name);
    if (what !== 'entry') return;
    watched.changed.add(segment);
    this.toLook.add(watched);
    this.looking ??= this.lookAround().finally(() => {
      this.looking = null;
    });
  }

  /** Watches directories that appeared, and no longer those that went. */
  private async lookAround(): Promise<void> {
    for (const watched of this.toLook) {
      this.toLook.delete(watched);
      const segments = [...watched.changed];
      watched.changed.clear();
      if (this.isClosed || watched.isDropped) continue;
      try {
        await this.lookIn(watched, segments);
      } catch (thrown) {
        this.options.onLost(asHoldfastError(thrown).message);
      }
    }
  }

  private async lookIn(watched: Watched, segments: readonly string[]): Promise<void> {
    const root = await openRoot({ fileSystem: linuxFileSystem, root: this.options.root });
    try {
      const prefix = watched.name === '' ? '' : `${watched.name}/`;
      const found = await openParent(root, `${prefix}${segments[0]}` as Name);
      if (found.kind !== 'open') return;
      try {
        for (const segment of segments) {
          const name = `${prefix}${segment}` as Name;
          const isDirectory = isDirectoryNow(found.directory, segment);
          if (isDirectory && !this.options.isExcluded(name, true))
            await this.enterBelow(found.directory, watched, segment, name, true);
          else forget(watched, segment);
        }
      } finally {
        await found.directory.close();
      }
    } finally {
      await root.close();
    }
  }
}

interface Content {
  readonly segment: string;
  readonly name: Name;
  readonly isDirectory: boolean;
}

/** Null for what is Holdfast's own and for what no name can hold: both are the scan's to report. */
function contentOf(above: string, bytes: string): Omit<Content, 'isDirectory'> | null {
  if (above === '' && bytes === PRIVATE_DIRECTORY) return null;
  const segment = decodeSegment(bytes);
  if (segment === null) return null;
  const name = above === '' ? segment : `${above}/${segment}`;
  return nameFault(name) === null ? { segment, name: name as Name } : null;
}

function isDirectoryNow(above: OpenDirectory, segment: string): boolean {
  try {
    return above.lstatNow(segment)?.kind === 'directory';
  } catch (thrown) {
    if (systemCode(thrown) === undefined) throw thrown;
    return false;
  }
}

/** Null when it went, was replaced, or may not be entered. */
function openIfDirectory(above: OpenDirectory, segment: string): OpenDirectory | null {
  try {
    return above.openDirectoryNow(segment);
  } catch (thrown) {
    if (systemCode(thrown) === undefined) throw thrown;
    return null;
  }
}

function forget(parent: Watched, segment: string): void {
  const watched = parent.below.get(segment);
  if (watched === undefined) return;
  parent.below.delete(segment);
  drop(watched);
}

function drop(watched: Watched): void {
  watched.isDropped = true;
  watched.watch?.close();
  for (const below of watched.below.values()) drop(below);
}

/** Why watching failed, with what to do about it. */
export function watchFailure(error: unknown): string {
  switch (systemCode(error)) {
    case 'ENOSPC':
      return 'the limit of watches is used up; raise fs.inotify.max_user_watches';
    case 'EMFILE':
      return 'the limit of watchers or open files is used up; raise fs.inotify.max_user_instances';
    default:
      return error instanceof HoldfastError || !(error instanceof Error) ? String(error) : error.message;
  }
}
