/**
 * Watch with chokidar: for folders that nobody but the account of this process can write to.
 * It works on paths, which another writer could swap for links between two of its calls; a
 * folder with other writers is watched by descriptors instead (watch-tree.ts, invariant 8), and
 * so is a large one, since every file is remembered here.
 */
import { join, relative } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { type Name, nameFault, PRIVATE_DIRECTORY } from '#core/name.ts';
import { type WatchTreeOptions, watchFailure } from './watch-tree.ts';

export class ChokidarTree {
  private readonly options: WatchTreeOptions;
  private watcher: FSWatcher | null = null;
  /** Watched directories; chokidar itself tells them at the cost of everything that it remembers. */
  private readonly directories = new Set<string>();

  constructor(options: WatchTreeOptions) {
    this.options = options;
  }

  /** Resolves once every directory is watched. */
  async open(): Promise<void> {
    const { root, onLost } = this.options;
    const watcher = watch(root, {
      ignoreInitial: true,
      followSymlinks: false,
      // Its editor heuristics swallow names such as `*~` and `*.swp`, which are files like any other here.
      atomic: false,
      ignored: (path, stats) => this.isIgnored(path, stats?.isDirectory() ?? false),
    });
    this.watcher = watcher;
    watcher.on('all', (event, path) => {
      if (event === 'addDir') this.directories.add(path);
      if (event === 'unlinkDir') this.directories.delete(path);
      if (path === root && event === 'unlinkDir') onLost('the folder itself was moved or removed');
      this.tell(path);
    });
    watcher.on('raw', (event, segment, details) => {
      const { watchedPath } = details as { readonly watchedPath?: string };
      if (event === 'rename' && segment !== null && watchedPath !== undefined)
        this.watchAnew(watcher, join(watchedPath, segment));
    });
    watcher.on('error', (error) => onLost(watchFailure(error)));
    await new Promise<void>((resolve) => {
      watcher.once('ready', resolve);
    });
    for (const path of Object.keys(watcher.getWatched())) this.directories.add(path);
  }

  async close(): Promise<void> {
    await this.watcher?.close();
  }

  /**
   * A directory that is removed and made again at once looks unchanged to chokidar, which then watches the one that
   * is gone. What happens until the new one is watched, a full scan finds.
   */
  private watchAnew(watcher: FSWatcher, path: string): void {
    if (!this.directories.has(path)) return;
    watcher.unwatch(path);
    watcher.add(path);
    this.tell(path);
    this.options.onLost(`the directory ${relative(this.options.root, path)} was replaced or removed`);
  }

  /** Names with a fault are the scan's to report. */
  private tell(path: string): void {
    const name = relative(this.options.root, path);
    if (name !== '' && nameFault(name) === null) this.options.onName(name as Name);
  }

  private isIgnored(path: string, isDirectory: boolean): boolean {
    const name = relative(this.options.root, path);
    if (name === '') return false;
    if (name === PRIVATE_DIRECTORY || name.startsWith(`${PRIVATE_DIRECTORY}/`)) return true;
    return nameFault(name) === null && this.options.isExcluded(name as Name, isDirectory);
  }
}
