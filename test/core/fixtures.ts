/** Fixtures: short words for states and entries, so that a case table reads as one. */
import type { Entry } from '#core/entry.ts';
import { toName } from '#core/name.ts';
import { NO_SERIAL } from '#core/serial.ts';
import { ABSENT, type LocalState, type RemoteState, type SyncState } from '#core/state.ts';

export { ABSENT };

export const NOON = 1_700_000_000_000_000_000n;

/** A local file whose content is named by its hash; null when nobody hashed it. */
export function localFile(hash: string | null, mtimeNs = NOON): LocalState {
  return { kind: 'file', size: 3, mtimeNs, ctimeNs: mtimeNs, inode: 7n, mode: 0o644, hash };
}

export function remoteFile(hash: string, mtimeNs: bigint | null = NOON): RemoteState {
  return { kind: 'file', size: 3, hash, version: `v-${hash}`, mtimeNs };
}

export function syncFile(hash: string): SyncState {
  return { kind: 'file', size: 3, hash };
}

export const LOCAL_DIRECTORY: LocalState = { kind: 'directory', inode: 8n, mtimeNs: NOON, mode: 0o755 };
export const REMOTE_DIRECTORY: RemoteState = { kind: 'directory', version: 'v-directory' };
export const SYNC_DIRECTORY: SyncState = { kind: 'directory' };
export const SYMLINK: LocalState = { kind: 'unhandled', special: 'symlink', inode: 9n, mtimeNs: NOON };
export const MANIFEST: RemoteState = { kind: 'unhandled', version: 'v-manifest' };

/** An entry as the archive would load it; serials play no part in decisions. */
export function entryOf(
  local: LocalState,
  remote: RemoteState,
  sync: SyncState,
  remoteHasChildren = false,
): Entry {
  return {
    name: toName('a'),
    local,
    localSerial: NO_SERIAL,
    remote,
    remoteSerial: NO_SERIAL,
    sync,
    syncSerial: NO_SERIAL,
    decision: null,
    remoteHasChildren,
  };
}
