/**
 * Decide: the pure heart. Compares what each side holds now with SYNC and says what
 * has to happen, to which side, and why (design section 5; the table is in SPEC.md).
 * Nothing here looks at the world; whatever changed since is caught by the commit.
 */
import type { Entry } from './entry.ts';
import type { Policies } from './policies.ts';
import { type LocalState, type RemoteState, type SyncState, sameContent } from './state.ts';

export type Action = 'upload' | 'download' | 'delete-remote' | 'delete-local';

/** What happens to the content that the commit displaces on the target side. */
export type Displaced =
  /**
   * It was synced before: a recovery pointer (trash, version) is enough. Says nothing about what is below a
   * directory: the commit takes an empty one only, contents block it.
   */
  | 'recoverable'
  /** It lost a conflict: it is kept beside the winner, a whole tree if it is one, and synced as new. */
  | 'conflict-copy';

/** Why a name stays as it is although its sides differ. */
export type Standstill = 'local-unhandled' | 'remote-unhandled' | 'remote-file-and-directory';

export type Decision =
  | { readonly kind: 'none'; readonly standstill: Standstill | null; readonly reason: string }
  /** Both sides hold the same: SYNC takes it and no byte moves. */
  | { readonly kind: 'acknowledge'; readonly sync: SyncState; readonly reason: string }
  | {
      readonly kind: 'transfer';
      readonly action: Action;
      readonly displaced: Displaced;
      readonly reason: string;
    };

/** What the store holds at a name, counting a directory that only its contents imply. */
export function effectiveRemote(entry: Pick<Entry, 'remote' | 'remoteHasChildren'>): RemoteState {
  if (entry.remote.kind === 'absent' && entry.remoteHasChildren) return { kind: 'directory', version: null };
  return entry.remote;
}

type Change = 'unchanged' | 'changed' | 'deleted';

function changeOf(state: LocalState | RemoteState, sync: SyncState): Change {
  if (sameContent(state, sync)) return 'unchanged';
  return state.kind === 'absent' ? 'deleted' : 'changed';
}

const none = (reason: string, standstill: Standstill | null = null): Decision => ({
  kind: 'none',
  standstill,
  reason,
});

const transfer = (action: Action, reason: string, displaced: Displaced = 'recoverable'): Decision => ({
  kind: 'transfer',
  action,
  displaced,
  reason,
});

/**
 * @param entry LOCAL, REMOTE and SYNC of one name; its pending decision is not looked at.
 * @returns what to do; for equal input always the same.
 */
export function decide(entry: Entry, policies: Policies): Decision {
  const { local, sync } = entry;
  const remote = effectiveRemote(entry);
  if (remote.kind === 'unhandled') {
    return none('the object upstream is a manifest or link and is left alone', 'remote-unhandled');
  }
  if (local.kind === 'unhandled') return decideUnhandledLocal(remote, sync, policies);

  const localChange = changeOf(local, sync);
  const remoteChange = changeOf(remote, sync);

  if (localChange !== 'unchanged' && remoteChange !== 'unchanged' && sameContent(local, remote)) {
    return acknowledged(
      remote,
      localChange === 'deleted' ? 'deleted on both sides' : 'same content on both sides',
    );
  }
  if (localChange === 'unchanged' && remoteChange === 'unchanged') return none('nothing changed');
  if (remoteChange === 'unchanged') return decidePush(localChange, policies);
  if (local.kind === 'directory' && remote.kind === 'file' && entry.remoteHasChildren) {
    // Taking the object would move the tree away, and its absence would then delete upstream what lies below (invariant 10).
    return none('upstream holds an object here and others below it', 'remote-file-and-directory');
  }
  if (localChange === 'unchanged') return decidePull(remoteChange, policies);
  return decideBothChanged(entry.local, localChange, remote, remoteChange, policies);
}

function acknowledged(common: RemoteState, reason: string): Decision {
  if (common.kind === 'unhandled') return none(reason, 'remote-unhandled');
  const sync: SyncState =
    common.kind === 'file' ? { kind: 'file', size: common.size, hash: common.hash } : { kind: common.kind };
  return { kind: 'acknowledge', sync, reason };
}

/** A link or device is no content: its presence never deletes upstream, and only content from upstream moves it aside. */
function decideUnhandledLocal(remote: RemoteState, sync: SyncState, policies: Policies): Decision {
  const change = changeOf(remote, sync);
  if (change === 'changed' && policies.direction !== 'push-only') {
    return transfer(
      'download',
      'upstream changed; the special file here moves to a conflict name',
      'conflict-copy',
    );
  }
  if (change === 'deleted') {
    return acknowledged(remote, 'deleted upstream; the special file here is left alone');
  }
  return none('a link, pipe, socket, device or unreadable file is not synced', 'local-unhandled');
}

function decidePush(localChange: Change, policies: Policies): Decision {
  if (policies.direction === 'pull-only') return none('changed here, but the pair only pulls');
  return localChange === 'deleted'
    ? transfer('delete-remote', 'deleted here, unchanged upstream')
    : transfer('upload', 'changed here, unchanged upstream');
}

function decidePull(remoteChange: Change, policies: Policies): Decision {
  if (policies.direction === 'push-only') return none('changed upstream, but the pair only pushes');
  if (remoteChange === 'deleted') return transfer('delete-local', 'deleted upstream, unchanged here');
  return transfer('download', 'changed upstream, unchanged here');
}

function decideBothChanged(
  local: LocalState,
  localChange: Change,
  remote: RemoteState,
  remoteChange: Change,
  policies: Policies,
): Decision {
  const pushes = policies.direction !== 'pull-only';
  const pulls = policies.direction !== 'push-only';

  if (localChange === 'deleted') {
    return pulls
      ? transfer('download', 'deleted here, but changed upstream')
      : none('deleted here and changed upstream, but the pair only pushes');
  }
  if (remoteChange === 'deleted') {
    if (pushes && (!pulls || policies.deleteVsEdit === 'edit-wins')) {
      return transfer('upload', 'deleted upstream, but changed here: the edit wins');
    }
    return transfer(
      'delete-local',
      'deleted upstream and changed here: the change becomes a conflict copy',
      'conflict-copy',
    );
  }
  if (pushes && (!pulls || localWins(local, remote, policies))) {
    return transfer('upload', 'changed on both sides: the content here takes the name', 'conflict-copy');
  }
  return transfer('download', 'changed on both sides: upstream takes the name', 'conflict-copy');
}

function localWins(local: LocalState, remote: RemoteState, policies: Policies): boolean {
  // A tree upstream cannot be moved aside in one commit: what lies below it would wait for the name, and the name for it.
  if (policies.conflict === 'upstream' || remote.kind === 'directory') return false;
  if (policies.conflict === 'local') return true;
  // Directories have no meaningful time, and an unknown time proves nothing: upstream stays the master.
  if (local.kind !== 'file' || remote.kind !== 'file' || remote.mtimeNs === null) return false;
  return local.mtimeNs > remote.mtimeNs;
}
