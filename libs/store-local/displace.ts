/**
 * Displace: the way of hidden content out of its attempt directory, to the trash, to a
 * conflict name beside the winner, or back to its own name. Each is safe to repeat and safe
 * to run by two processes at once: every move is one atomic call, and of two one finds it gone.
 */
import type { Displaced } from '#core/decide.ts';
import type { Name } from '#core/name.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import { type Attempt, type Intent, OLD, trashItemOf } from './attempts.ts';
import type { Facts, OpenDirectory } from './file-system.ts';
import { moveAside, moveNear, moveWithoutClobber } from './move.ts';
import type { OpenFolder } from './open-folder.ts';
import { isStillParentOf } from './resolve.ts';
import { putInTrash } from './trash.ts';

export interface Displacement {
  readonly conflictCopies: readonly Name[];
  readonly recovery: RecoveryPointer | null;
}

export interface Hidden {
  readonly attempt: Attempt;
  readonly intent: Intent;
  /** Of `old`, as it was hidden. */
  readonly facts: Facts;
  /** The directory it came from; null when there is none of that name any more. */
  readonly parent: OpenDirectory | null;
  readonly base: string;
}

/**
 * Sends hidden content where it belongs. A tree always gets a conflict name, since the trash
 * keeps single files; content for which no conflict name is free goes to the trash.
 * @param hash digest of the content where known.
 */
export async function displace(
  folder: OpenFolder,
  hidden: Hidden,
  displaced: Displaced,
  hash: string | null,
): Promise<Displacement> {
  const { attempt, facts, intent, parent } = hidden;
  if (displaced === 'conflict-copy' || facts.kind === 'directory') {
    const names = (turn: number): Name | undefined => intent.conflictNames[turn];
    const beside =
      parent === null ? null : await moveAside(folder, attempt.directory, OLD, facts, parent, names);
    const copy = beside ?? (await moveElsewhere(folder, hidden));
    if (copy !== null) return { conflictCopies: [copy], recovery: null };
  }
  if (facts.kind === 'directory') return { conflictCopies: [], recovery: null };
  const recovery = await putInTrash(folder, {
    from: attempt.directory,
    segment: OLD,
    facts,
    name: intent.name,
    hash,
    at: intent.displacedAt,
    item: trashItemOf(attempt.id),
  });
  return { conflictCopies: [], recovery };
}

/**
 * Without what was hidden in it a directory may look empty, and another commit remove or replace it.
 * @returns null when the directory is where it was, the entry is gone, or no name was free.
 */
async function moveElsewhere(
  folder: OpenFolder,
  { attempt, facts, intent, parent }: Hidden,
): Promise<Name | null> {
  if (parent !== null && (await isStillParentOf(folder.rootDirectory, parent, intent.name))) return null;
  const names = (turn: number): Name | undefined => intent.conflictNames[turn];
  return moveNear(folder, attempt.directory, OLD, facts, intent.name, names);
}

/** Gives hidden content its own name back; where a newcomer has it, content becomes a conflict copy. */
export async function putBack(folder: OpenFolder, hidden: Hidden): Promise<Displacement> {
  const { attempt, facts, parent, base } = hidden;
  const moved =
    parent === null ? 'taken' : await moveWithoutClobber(folder, attempt.directory, OLD, facts, parent, base);
  if (moved === 'taken') return displace(folder, hidden, 'conflict-copy', null);
  return { conflictCopies: [], recovery: null };
}
