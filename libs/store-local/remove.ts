/**
 * Remove: the entry is hidden, verified and sent to the trash or a conflict name, never
 * unlinked under its name, so a change made at the last moment is put back instead of lost.
 */

import { baseOf, type Name } from '#core/name.ts';
import { ABSENT, type LocalState } from '#core/state.ts';
import type { CommitOrder } from '#ports/commit.ts';
import type { Attempt } from './attempts.ts';
import { intentOf } from './attempts.ts';
import type { Displacement } from './displace.ts';
import type { OpenDirectory } from './file-system.ts';
import type { OpenFolder } from './open-folder.ts';
import {
  applied,
  clearDirectory,
  displaceExpected,
  hide,
  isExpected,
  type Outcome,
  outcomeOfClosed,
  stale,
  withAttempt,
} from './pull.ts';
import { repairAttemptsOf } from './repair.ts';
import { isStillParentOf, openParent } from './resolve.ts';
import { findTrashed } from './trash.ts';

/** See `LocalFolder.remove`. */
export async function removeEntry(
  folder: OpenFolder,
  name: Name,
  order: CommitOrder<LocalState>,
): Promise<Outcome> {
  const { isHeld, ...repaired } = await repairAttemptsOf(folder, name, null);
  if (isHeld) return stale('another commit of this name is under way', repaired);
  const parent = await openParent(folder.rootDirectory, name);
  // Below a regular file nothing can exist; below a link or pipe what exists is not ours to judge.
  if (parent.kind === 'obstructed' && parent.by.kind === 'file') return absent(folder, name, order, repaired);
  const closed = outcomeOfClosed(parent, name);
  if (closed !== null) return closed;
  if (parent.kind !== 'open') return absent(folder, name, order, repaired);
  try {
    const current = await parent.directory.lstat(baseOf(name));
    if (current === null) return await absent(folder, name, order, repaired);
    const hasDisplaced = repaired.recovery !== null || repaired.conflictCopies.length > 0;
    if (hasDisplaced || !isExpected(current, order)) {
      return stale('the entry here is not the expected one', repaired);
    }
    if (!(await isStillParentOf(folder.rootDirectory, parent.directory, name))) {
      return stale('its directory was moved while the commit was under way', repaired);
    }
    return await withAttempt(folder, name, order, (attempt) =>
      takeAway(folder, attempt, parent.directory, name, order),
    );
  } finally {
    await parent.directory.close();
  }
}

async function takeAway(
  folder: OpenFolder,
  attempt: Attempt,
  parent: OpenDirectory,
  name: Name,
  order: CommitOrder<LocalState>,
): Promise<Outcome> {
  let displacement: Displacement;
  if (order.expected.kind === 'directory') {
    const cleared = await clearDirectory(folder, parent, baseOf(name), order, intentOf(folder, name, order));
    if ('result' in cleared) return cleared;
    displacement = cleared;
  } else {
    const hidden = await hide(folder, attempt, parent, name, order);
    if ('result' in hidden) return hidden;
    displacement = await displaceExpected(folder, hidden, order);
  }
  await parent.sync();
  return applied(ABSENT, null, displacement);
}

async function absent(
  folder: OpenFolder,
  name: Name,
  order: CommitOrder<LocalState>,
  repaired: Displacement,
): Promise<Outcome> {
  const recovery = repaired.recovery ?? (await findTrashed(folder, name, order.serial));
  return applied(ABSENT, null, { ...repaired, recovery });
}
