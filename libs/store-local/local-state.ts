/** Local state: what the archive remembers, made from what the file system tells. */
import { ABSENT, type LocalState } from '#core/state.ts';
import type { Facts } from './file-system.ts';

/** The state of an entry; `hash` counts for files only. */
export function localStateOf(facts: Facts | null, hash: string | null = null): LocalState {
  if (facts === null) return ABSENT;
  const { inode, mtimeNs } = facts;
  switch (facts.kind) {
    case 'file':
      return {
        kind: 'file',
        size: facts.size,
        mtimeNs,
        ctimeNs: facts.ctimeNs,
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
