/** Describes for people what an acknowledged decision did, in one line of history. */
import type { Action } from './decide.ts';
import type { LocalState, RemoteState, SyncState } from './state.ts';

export interface Done {
  readonly action: Action;
  readonly sync: SyncState;
  /** What the target holds now. */
  readonly target: LocalState | RemoteState;
  readonly bytes: number;
  /** The name of the same side whose content was copied. */
  readonly copiedFrom?: string;
}

export function describeAcknowledged({ action, sync, target, bytes, copiedFrom }: Done): string {
  const isDirectory = sync.kind === 'directory';
  if (sync.kind === 'absent' && target.kind !== 'absent') return 'settled; what is there now stays';
  if (copiedFrom !== undefined) {
    const how =
      action === 'upload' ? 'the store copied it, no byte was sent' : 'copied here, no byte was fetched';
    return `moved from "${copiedFrom}": ${how}`;
  }
  switch (action) {
    case 'upload':
      return isDirectory ? 'made the directory upstream' : `uploaded ${bytes} bytes`;
    case 'download':
      return isDirectory ? 'made the directory here' : `downloaded ${bytes} bytes`;
    case 'delete-remote':
      return 'deleted upstream';
    case 'delete-local':
      return 'deleted here';
  }
}

/** Whether a file was moved, which is what progress is counted of. */
export function movesFile({ action, sync }: Pick<Done, 'action' | 'sync'>): boolean {
  return sync.kind === 'file' && (action === 'upload' || action === 'download');
}
