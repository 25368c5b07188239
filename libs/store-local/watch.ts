/**
 * Watch: file events as hints. The kernel drops events silently when nobody reads them in
 * time, so everything that makes a loss likely (an error, a burst, a process that was late)
 * is told as `lost`, which asks for a full scan; the scan is the truth, events only make it early.
 */
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { compareNames, type Name, PRIVATE_DIRECTORY } from '#core/name.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { ChangeHint, ChangeSource } from '#ports/local-folder.ts';
import type { Log } from '#ports/log.ts';
import { ChokidarTree } from './watch-chokidar.ts';
import { WatchTree } from './watch-tree.ts';

export interface WatchOptions {
  /** Absolute path of the folder. */
  readonly root: string;
  readonly isExcluded: (name: Name, isDirectory: boolean) => boolean;
  readonly log?: Log;
  /** Milliseconds for which names are collected before they are handed out together. */
  readonly collectMs?: number;
  /** So many events within a second may be the visible part of more: the kernel queues no more than 16,384. */
  readonly burstEvents?: number;
  /** Milliseconds the process may be late before events count as lost. */
  readonly lagMs?: number;
  /** Default: by who can write to the folder, and how many names are there. */
  readonly engine?: WatchEngine;
}

/** `chokidar` works on paths, `descriptors` on open directories, which no other writer can swap under it. */
export type WatchEngine = 'chokidar' | 'descriptors';

/** Chokidar remembers every file, 2.3 kB each, where descriptors remember directories only, and takes eight times the processor time. */
const MOST_FOR_CHOKIDAR = 1_000;

/**
 * The engine that is safe for a folder and suits it: chokidar where nobody else can write, as far as owner and mode
 * tell, and no more than `most` names are there now. An empty one is about to be filled, with who knows how many.
 */
export async function engineFor(root: string, most = MOST_FOR_CHOKIDAR): Promise<WatchEngine> {
  const found = await stat(root).catch(() => null);
  const isOurs = found !== null && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0;
  return isOurs && (await holdsSome(root, most)) ? 'chokidar' : 'descriptors';
}

/** Whether there are any names but Holdfast's own, and at most so many. What cannot be listed is left out. */
async function holdsSome(root: string, most: number): Promise<boolean> {
  const directories = [root];
  let names = 0;
  for (let path = directories.pop(); path !== undefined; path = directories.pop()) {
    const directory = await opendir(path).catch(() => []);
    for await (const entry of directory) {
      if (path === root && entry.name === PRIVATE_DIRECTORY) continue;
      names += 1;
      if (names > most) return false;
      if (entry.isDirectory()) directories.push(join(path, entry.name));
    }
  }
  return names > 0;
}

const MAX_NAMES_PER_HINT = 1000;
const LAG_CHECK_MS = 250;
const BURST_WINDOW_MS = 1000;
const BURST_EVENTS = 16_000;

/** Nothing is watched before `start`. A closed source cannot be started again: make another. */
export function watchFolder(options: WatchOptions): ChangeSource {
  let tree: WatchTree | ChokidarTree | null = null;
  let isStarted = false;
  let stopCollecting = (): void => {};
  let stopLagWatch = (): void => {};

  return {
    async start(onHint) {
      if (isStarted) throw new HoldfastError('usage', `${options.root} is watched already`);
      isStarted = true;
      const collector = collectNames(options, onHint);
      const lost = (reason: string): void => {
        options.log?.warn({ root: options.root, reason }, 'events may have been lost');
        onHint({ kind: 'lost', reason });
      };
      const burst = countBursts(options.burstEvents ?? BURST_EVENTS, lost);
      const { root, isExcluded } = options;
      const onName = (name: Name): void => {
        burst.count();
        collector.add(name);
      };
      const treeOptions = { root, isExcluded, onName, onLost: lost };
      const engine = options.engine ?? (await engineFor(root));
      tree = engine === 'chokidar' ? new ChokidarTree(treeOptions) : new WatchTree(treeOptions);
      stopCollecting = collector.stop;
      stopLagWatch = watchLag(options.lagMs ?? 2000, lost);
      await tree.open();
    },
    async close() {
      stopLagWatch();
      stopCollecting();
      await tree?.close();
    },
  };
}

interface NameCollector {
  add(name: Name): void;
  stop(): void;
}

/** Gathers names and hands them out in batches, each name once. */
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
    add(name) {
      names.add(name);
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
