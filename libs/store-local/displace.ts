/**
 * Displace: the way of hidden content out of its attempt directory, to the trash, to a
 * conflict name beside the winner, or back to its own name. Each is safe to repeat and safe
 * to run by two processes at once: every move is one atomic call, and of two one finds it gone.
 */
import type { Displaced } from '#core/decide.ts';
import { ancestorsOf, baseOf, joinName, type Name, parentOf } from '#core/name.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import { type Attempt, type Intent, OLD, trashItemOf } from './attempts.ts';
import type { Facts, OpenDirectory } from './file-system.ts';
import { moveAside, moveWithoutClobber } from './move.ts';
import type { OpenFolder } from './open-folder.ts';
import { ensureParent, isStillParentOf, openParent } from './resolve.ts';
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
 * Without what was hidden in it a directory may look empty, and another commit remove or replace it. Then the content
 * gets its conflict name in that directory made anew, or else in the nearest above that is there.
 * @returns null when the directory is where it was, the entry is gone, or no name was free.
 */
async function moveElsewhere(folder: OpenFolder, hidden: Hidden): Promise<Name | null> {
  const { attempt, facts, intent } = hidden;
  const { fileSystem, rootDirectory } = folder;
  if (hidden.parent !== null && (await isStillParentOf(rootDirectory, hidden.parent, intent.name)))
    return null;
  for (const place of [intent.name, ...ancestorsOf(intent.name).reverse()]) {
    const parent =
      place === intent.name
        ? await ensureParent(fileSystem, rootDirectory, place)
        : await openParent(rootDirectory, place);
    if (parent.kind !== 'open') continue;
    const names = (turn: number): Name | undefined => {
      const copy = intent.conflictNames[turn];
      return copy === undefined ? undefined : joinName(parentOf(place), baseOf(copy));
    };
    try {
      const copy = await moveAside(folder, attempt.directory, OLD, facts, parent.directory, names);
      if (copy !== null) return copy;
    } finally {
      await parent.directory.close();
    }
  }
  return null;
}

/** Gives hidden content its own name back; where a newcomer has it, content becomes a conflict copy. */
export async function putBack(folder: OpenFolder, hidden: Hidden): Promise<Displacement> {
  const { attempt, facts, parent, base } = hidden;
  const moved =
    parent === null ? 'taken' : await moveWithoutClobber(folder, attempt.directory, OLD, facts, parent, base);
  if (moved === 'taken') return displace(folder, hidden, 'conflict-copy', null);
  return { conflictCopies: [], recovery: null };
}
