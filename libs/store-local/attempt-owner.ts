/**
 * Attempt owner: who is at work in an attempt directory, told from its name alone, so that
 * a crashed attempt is repaired at once and a living one is left alone. Judging wrongly
 * costs a repeated commit, never content: every step of a repair is harmless to a living owner.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from './file-system.ts';

/**
 * `unknown`: an owner on another machine or in another container, whose processes cannot be seen from here; or a process
 * that lives, of which only it knows whether it is still at this attempt or had to leave it when the disk failed.
 */
export type Standing = 'alive' | 'dead' | 'unknown';

export interface AttemptOwner {
  /** Printable, safe in file names, without `-`. */
  readonly tag: string;
  begin(attemptId: string): void;
  end(attemptId: string): void;
  standingOf(ownerTag: string, attemptId: string): Standing;
}

/** This process. One for all folders, since two of them may be open on one root. */
export const processOwner: AttemptOwner = createProcessOwner();

function createProcessOwner(): AttemptOwner {
  const machine = machineTag();
  const tag = `${machine}.${process.pid}.${startOf(process.pid) ?? '0'}`;
  const atWork = new Set<string>();
  return {
    tag,
    begin: (attemptId) => {
      atWork.add(attemptId);
    },
    end: (attemptId) => {
      atWork.delete(attemptId);
    },
    standingOf(ownerTag, attemptId) {
      if (ownerTag === tag) return atWork.has(attemptId) ? 'alive' : 'dead';
      const [ownerMachine, pid = '', start] = ownerTag.split('.');
      if (ownerMachine !== machine) return 'unknown';
      // A process number is reused; together with its start time it is not, until the next boot.
      return startOf(Number(pid)) === start ? 'unknown' : 'dead';
    },
  };
}

/** Processes can be seen only within one boot of one machine and one process namespace. */
function machineTag(): string {
  const parts = [
    readText('/proc/sys/kernel/random/boot_id') ?? hostname(),
    readLink('/proc/self/ns/pid') ?? '',
  ];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 8);
}

/** Clock ticks since boot at which a process began, or null when there is none. */
function startOf(pid: number): string | null {
  const text = readText(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The command in parentheses may hold spaces and parentheses itself; field 22 counts from behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const isGone = fields[0] === 'Z' || fields[0] === 'X';
  return isGone ? null : (fields[19] ?? null);
}

function readText(path: string): string | null {
  return orNull(() => readFileSync(path, 'utf8'));
}

function readLink(path: string): string | null {
  return orNull(() => readlinkSync(path));
}

function orNull(step: () => string): string | null {
  try {
    return step();
  } catch (thrown) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(systemCode(thrown) ?? '')) return null;
    throw thrown;
  }
}
