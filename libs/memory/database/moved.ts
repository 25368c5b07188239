/** Moved: of files that moved on one side, where the other side has their content. */
import { compareNames, type Name } from '#core/name.ts';
import { sameRemoteContent } from '#core/state.ts';
import type { LocalTwin } from '#ports/archive.ts';
import type { Twin } from '#ports/object-store.ts';
import type { EntryRow } from './entry-table.ts';
import type { PairTables } from './tables.ts';

/** Inodes are used again and names come back: of several, the one that went away last. */
export function movedHere(pair: PairTables, names: readonly Name[]): ReadonlyMap<Name, Twin> {
  const found = new Map<Name, Twin>();
  const gone = pair.entries.rows().filter((row) => row.gone !== null && row.gone.inode !== null);
  gone.sort((a, b) => b.updatedAt - a.updatedAt || compareNames(a.name, b.name));
  for (const name of new Set(names)) {
    const local = pair.entries.get(name)?.local;
    if (local?.kind !== 'file') continue;
    for (const was of gone) {
      const { inode, size, mtimeNs } = was.gone ?? {};
      if (was.name === name || inode !== local.inode || size !== local.size || mtimeNs !== local.mtimeNs)
        continue;
      const twin = twinOf(pair, was);
      if (twin === null) continue;
      found.set(name, twin);
      break;
    }
  }
  return found;
}

function twinOf({ pointers }: PairTables, { name, gone, remote, remoteSerial }: EntryRow): Twin | null {
  if (gone?.size == null || gone.hash === null) return null;
  const content = { size: gone.size, hash: gone.hash };
  if (remote.kind === 'file') {
    const isSame = sameRemoteContent(remote, { kind: 'file', ...content, version: null, mtimeNs: null });
    return isSame ? { name, version: remote.version, ...content } : null;
  }
  if (remote.kind !== 'absent') return null;
  const left = [...pointers.values()].findLast(
    ({ name: of, side, serial, pointer }) =>
      of === name && side === 'remote' && serial === remoteSerial && pointer.kind === 'version',
  );
  return left === undefined ? null : { name, version: left.pointer.locator, ...content };
}

/** One of the same content will do, however many there are. */
export function movedUpstream({ entries }: PairTables, names: readonly Name[]): ReadonlyMap<Name, LocalTwin> {
  const gone = entries.rows().filter(({ gone: was, local }) => {
    return was?.side === 'remote' && was.hash !== null && local.kind === 'file' && local.size === was.size;
  });
  gone.sort((a, b) => compareNames(a.name, b.name));
  const found = new Map<Name, LocalTwin>();
  for (const name of names) {
    const remote = entries.get(name)?.remote;
    if (remote?.kind !== 'file') continue;
    const twin = gone.find(
      (row) => row.name !== name && row.gone?.hash === remote.hash && row.gone.size === remote.size,
    );
    if (twin !== undefined) found.set(name, { name: twin.name, state: twin.local });
  }
  return found;
}
