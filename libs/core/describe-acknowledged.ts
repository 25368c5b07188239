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
    return `moved from "${copiedFrom}": ${action === 'upload' ? COPIED.upstream : COPIED.here}`;
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

const COPIED = {
  upstream: 'the store copied it, no byte was sent',
  here: 'copied here, no byte was fetched',
} as const;
const MOVED = new RegExp(`^moved from "(.*)": (?:${COPIED.upstream}|${COPIED.here})$`, 's');
const OTHERS: Readonly<Record<string, 'made' | 'removed'>> = {
  'made the directory upstream': 'made',
  'made the directory here': 'made',
  'deleted upstream': 'removed',
  'deleted here': 'removed',
};

export type Outcome =
  | { readonly what: 'moved'; readonly from: string }
  | { readonly what: 'made' | 'removed' };

/** What a line of `describeAcknowledged` says, as far as a rename may consist of it; null for anything else. */
export function outcomeTold(text: string): Outcome | null {
  const from = MOVED.exec(text)?.[1];
  if (from !== undefined) return { what: 'moved', from };
  const what = OTHERS[text];
  return what === undefined ? null : { what };
}

/** Whether a file was moved, which is what progress is counted of. */
export function movesFile({ action, sync }: Pick<Done, 'action' | 'sync'>): boolean {
  return sync.kind === 'file' && (action === 'upload' || action === 'download');
}
