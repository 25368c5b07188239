/**
 * Give up: the end of an order whose source moved on. What an earlier attempt left is repaired and told, since nobody
 * comes back with this order; and where its effect stands, it counts as carried out, so that our own work never looks
 * like somebody else's change.
 */
import { baseOf, type Name } from '#core/name.ts';
import type { LocalState, SyncState } from '#core/state.ts';
import type { CommitOrder } from '#ports/commit.ts';
import type { DigestSpec } from '#ports/digest.ts';
import { localStateOf } from './local-state.ts';
import type { OpenFolder } from './open-folder.ts';
import { applied, type Outcome, stale } from './pull.ts';
import { repairAttemptsOf } from './repair.ts';
import { openParent } from './resolve.ts';
import { hashSegment } from './stage.ts';
import { findTrashed } from './trash.ts';

const GIVEN_UP = 'its source moved on';

/** See `LocalFolder.giveUp`. */
export async function giveUpEntry(
  folder: OpenFolder,
  name: Name,
  wanted: SyncState,
  digest: DigestSpec,
  order: CommitOrder<LocalState>,
): Promise<Outcome> {
  const { isHeld, conflictCopies, recovery } = await repairAttemptsOf(folder, name, null);
  const displacement = {
    conflictCopies,
    recovery: recovery ?? (await findTrashed(folder, name, order.serial)),
  };
  if (isHeld) return stale('another commit of this name is under way', displacement);
  const there = await holds(folder, name, wanted, digest);
  return there === null
    ? stale(GIVEN_UP, displacement)
    : applied(there, there.kind === 'file' ? there.hash : null, displacement);
}

/** The state at the name when it holds what is wanted, else null. */
async function holds(
  folder: OpenFolder,
  name: Name,
  wanted: SyncState,
  digest: DigestSpec,
): Promise<LocalState | null> {
  const parent = await openParent(folder.rootDirectory, name);
  if (parent.kind !== 'open') return parent.kind === 'missing' && wanted.kind === 'absent' ? wanted : null;
  try {
    const facts = await parent.directory.lstat(baseOf(name));
    const state = localStateOf(facts);
    if (state.kind !== wanted.kind) return null;
    if (state.kind !== 'file' || wanted.kind !== 'file' || facts === null) return state;
    if (state.size !== wanted.size) return null;
    const hash = await hashSegment(parent.directory, baseOf(name), facts, digest);
    return hash !== null && hash === wanted.hash ? { ...state, hash } : null;
  } finally {
    await parent.directory.close();
  }
}
