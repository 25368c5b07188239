/** Local state: what the archive remembers, made from what the file system tells. */
import { ABSENT, type LocalState } from '#core/state.ts';
import type { Facts } from './file-system.ts';

/** The state of an entry; `hash` counts for files only. */
export function localStateOf(facts: Facts | null, hash: string | null = null): LocalState {
  if (facts === null) return ABSENT;
  const { inode } = facts;
  const mtimeNs = countable(facts.mtimeNs);
  switch (facts.kind) {
    case 'file':
      return {
        kind: 'file',
        size: facts.size,
        mtimeNs,
        ctimeNs: countable(facts.ctimeNs),
        inode,
        mode: facts.mode & 0o777,
        hash,
      };
    case 'directory':
      return { kind: 'directory', inode, mtimeNs, mode: facts.mode & 0o777 };
    default:
      return { kind: 'unhandled', special: facts.kind, inode, mtimeNs };
  }
}

const LAST_TIME = 2n ** 63n - 1n;

/** A user may set any time; what 64 bits of nanoseconds cannot tell counts as the last, or first, that they can. */
function countable(timeNs: bigint): bigint {
  if (timeNs > LAST_TIME) return LAST_TIME;
  return timeNs < -LAST_TIME ? -LAST_TIME : timeNs;
}
