/** Small volume: a memory file system of a few megabytes for one pair, to be filled and freed. Needs root. */
import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface SmallVolume {
  readonly dir: string;
  /** Leaves no byte free for so long, or until aborted. */
  fillFor(ms: number, signal: AbortSignal): Promise<void>;
  /** What is on it stays beside it, for whoever looks into a finding. */
  unmount(): void;
}

const SIZE = '96m';
const PIECE = Buffer.alloc(1 << 20);

/** @returns the reason in words when this machine does not let us. */
export function mountSmallVolume(dir: string): SmallVolume | string {
  mkdirSync(dir, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=0755`, 'tmpfs', dir], { stdio: 'pipe' });
  } catch {
    return 'a small volume cannot be mounted here (that takes root)';
  }
  const ballast = join(dir, 'ballast');
  return {
    dir,
    fillFor: async (ms, signal) => {
      fill(ballast);
      // What others free meanwhile is taken, too.
      const ended = Date.now() + ms;
      while (Date.now() < ended && !signal.aborted) {
        await sleep(250, undefined, { signal }).catch(() => undefined);
        fill(ballast);
      }
      rmSync(ballast, { force: true });
    },
    unmount: () => {
      cpSync(dir, `${dir}-kept`, { recursive: true });
      execFileSync('umount', ['-l', dir], { stdio: 'pipe' });
    },
  };
}

/** Of a run that was killed; nothing when there is none. */
export function unmountLeftover(dir: string): void {
  const mounts = readFileSync('/proc/mounts', 'utf8');
  if (mounts.includes(` ${dir} tmpfs `)) execFileSync('umount', ['-l', dir], { stdio: 'pipe' });
}

function fill(file: string): void {
  const handle = openSync(file, 'a');
  try {
    for (let size = PIECE.length; size > 0; ) {
      try {
        writeSync(handle, PIECE, 0, size);
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== 'ENOSPC') throw thrown;
        size = Math.floor(size / 2);
      }
    }
  } finally {
    closeSync(handle);
  }
}
