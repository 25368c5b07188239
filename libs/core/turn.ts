/**
 * Turn: when a pending decision may run relative to those above and below its name
 * (design section 5: deletes of directories after their contents, creations before).
 *
 * No two decisions ever wait for each other. `moves-aside` and `leads` wait only for such
 * decisions at shorter names. `plain` and `removes` wait only for those. What waits for
 * everything below (`replaces-tree`, `removes-tree`) is waited for by nothing below it,
 * only by its like further up. So the waits have no cycle.
 */
import { effectiveRemote } from './decide.ts';
import type { Entry, PendingDecision } from './entry.ts';

export const TURN = {
  /** A whole local tree moves to a conflict name: everything below waits for it. */
  'moves-aside': 1,
  /** Brings a file or directory here, or settles a conflict: creations below wait for it. */
  leads: 2,
  /** An ordinary upload: nothing waits for it. Stores need no parent directory first. */
  plain: 3,
  /** A file takes the place of a directory: waits until nothing below is pending. */
  'replaces-tree': 4,
  /** Removal of what has no contents. */
  removes: 5,
  /** Removal of a directory: waits until nothing below is pending. */
  'removes-tree': 6,
} as const;

export type Turn = keyof typeof TURN;

/**
 * @param entry the states the decision was made on; they stay the same while it is pending.
 * @returns the turn, which is stored beside the decision; the indexes of the state database rely on its number.
 */
export function turnOf(
  entry: Pick<Entry, 'local' | 'remote' | 'remoteHasChildren'>,
  decision: Pick<PendingDecision, 'action' | 'displaced'>,
): Turn {
  const { local } = entry;
  const remote = effectiveRemote(entry);
  const conflict = decision.displaced === 'conflict-copy';
  switch (decision.action) {
    case 'download':
      if (local.kind !== 'directory') return 'leads';
      return conflict ? 'moves-aside' : 'replaces-tree';
    case 'upload':
      if (remote.kind === 'directory') return 'replaces-tree';
      return conflict ? 'leads' : 'plain';
    case 'delete-local':
      if (local.kind !== 'directory') return 'removes';
      return conflict ? 'moves-aside' : 'removes-tree';
    case 'delete-remote':
      return remote.kind === 'file' ? 'removes' : 'removes-tree';
  }
}
