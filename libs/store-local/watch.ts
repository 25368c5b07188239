/**
 * Watch: file events as hints. The kernel drops events silently when nobody reads them in
 * time, so everything that makes a loss likely (an error, a burst, a process that was late)
 * is told as `lost`, which asks for a full scan; the scan is the truth, events only make it early.
 */
import { relative } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import { compareNames, type Name, nameFault, PRIVATE_DIRECTORY } from '#core/name.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { ChangeHint, ChangeSource } from '#ports/local-folder.ts';
import type { Log } from '#ports/log.ts';
import { systemCode } from './file-system.ts';

export interface WatchOptions {
  /** Absolute path of the folder. */
  readonly root: string;
  readonly isExcluded: (name: Name, isDirectory: boolean) => boolean;
  readonly log?: Log;
  /** Milliseconds for which names are collected before they are handed out together. */
  readonly collectMs?: number;
  /** So many events within a second may be the visible part of more: the kernel queues 16,384 and delivers half at once. */
  readonly burstEvents?: number;
  /** Milliseconds the process may be late before events count as lost. */
  readonly lagMs?: number;
}

const MAX_NAMES_PER_HINT = 1000;
const LAG_CHECK_MS = 250;
const BURST_WINDOW_MS = 1000;

/** Nothing is watched before `start`. A closed source cannot be started again: make another. */
export function watchFolder(options: WatchOptions): ChangeSource {
  let watcher: FSWatcher | null = null;
  let stopCollecting = (): void => {};
  let stopLagWatch = (): void => {};

  return {
    async start(onHint) {
      if (watcher !== null) throw new HoldfastError('usage', `${options.root} is watched already`);
      const collector = collectNames(options, onHint);
      const lost = (reason: string): void => {
        options.log?.warn({ root: options.root, reason }, 'events may have been lost');
        onHint({ kind: 'lost', reason });
      };
      watcher = watch(options.root, {
        ignoreInitial: true,
        followSymlinks: false,
        // Its editor heuristics swallow names such as `*~` and `*.swp`, which are files like any other here.
        atomic: false,
        ignored: (path, stats) => isIgnored(options, path, stats?.isDirectory() ?? false),
      });
      stopCollecting = collector.stop;
      stopLagWatch = watchLag(options.lagMs ?? 2000, lost);
      const burst = countBursts(options.burstEvents ?? 8000, lost);
      watcher.on('all', (_event, path) => {
        burst.count();
        collector.add(path);
      });
      watcher.on('error', (error) => lost(reasonOf(error)));
      await ready(watcher);
    },
    async close() {
      stopLagWatch();
      stopCollecting();
      await watcher?.close();
    },
  };
}

function ready(watcher: FSWatcher): Promise<void> {
  return new Promise((resolve) => {
    watcher.once('ready', resolve);
  });
}

function isIgnored(options: WatchOptions, path: string, isDirectory: boolean): boolean {
  const name = relative(options.root, path);
  if (name === '') return false;
  if (name === PRIVATE_DIRECTORY || name.startsWith(`${PRIVATE_DIRECTORY}/`)) return true;
  return nameFault(name) === null && options.isExcluded(name as Name, isDirectory);
}

function reasonOf(error: unknown): string {
  switch (systemCode(error)) {
    case 'ENOSPC':
      return 'the limit of watches is used up; raise fs.inotify.max_user_watches';
    case 'EMFILE':
      return 'the limit of watchers or open files is used up; raise fs.inotify.max_user_instances';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}

interface NameCollector {
  add(path: string): void;
  stop(): void;
}

/** Gathers names and hands them out in batches, each name once. Names with a fault are the scan's to report. */
function collectNames(options: WatchOptions, onHint: (hint: ChangeHint) => void): NameCollector {
  const names = new Set<Name>();
  let timer: NodeJS.Timeout | null = null;
  const handOut = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (names.size === 0) return;
    const batch = [...names].sort(compareNames);
    names.clear();
    onHint({ kind: 'names', names: batch });
  };
  return {
    add(path) {
      const name = relative(options.root, path);
      if (name === '' || nameFault(name) !== null) return;
      names.add(name as Name);
      if (names.size >= MAX_NAMES_PER_HINT) handOut();
      else timer ??= setTimeout(handOut, options.collectMs ?? 50);
    },
    stop() {
      if (timer !== null) clearTimeout(timer);
      names.clear();
    },
  };
}

/** Tells once a window when it held too many events. */
function countBursts(limit: number, lost: (reason: string) => void): { count(): void } {
  let windowStart = 0;
  let events = 0;
  return {
    count() {
      const now = performance.now();
      if (now - windowStart > BURST_WINDOW_MS) {
        windowStart = now;
        events = 0;
      }
      events += 1;
      if (events === limit) lost(`${limit} events within a second`);
    },
  };
}

/** A timer that comes late tells that nobody read the kernel's queue meanwhile. */
function watchLag(limitMs: number, lost: (reason: string) => void): () => void {
  let lastAt = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const lagMs = Math.round(now - lastAt - LAG_CHECK_MS);
    lastAt = now;
    if (lagMs > limitMs) lost(`this process was held up for ${lagMs} ms`);
  }, LAG_CHECK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
