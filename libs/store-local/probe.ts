/**
 * Probe: the live state of one name. Absence is proved: by looking with the marker of this very
 * folder just seen, and with no commit of ours holding the name half-way (invariant 6).
 */
import { ancestorsOf, baseOf, type Name, parentOf } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import type { ProbeOutcome } from '#ports/local-folder.ts';
import type { Facts, OpenDirectory } from './file-system.ts';
import { localStateOf } from './local-state.ts';
import type { OpenFolder } from './open-folder.ts';
import { isNameInCommit } from './repair.ts';
import { openParent } from './resolve.ts';
import { decodeSegment } from './walk.ts';

/** See `LocalFolder.probe`. */
export async function probeEntry(folder: OpenFolder, name: Name): Promise<ProbeOutcome> {
  const twin = await twinAbove(folder, name);
  if (twin !== null) return { result: 'twin', twin };
  const first = await look(folder, name);
  if (!isAbsent(first)) return first;
  if (await isNameInCommit(folder, name)) return { result: 'in-commit' };
  // A commit that ended between the two looks has put something there again.
  return look(folder, name);
}

/**
 * The directory that a folding file system opens in place of one above the name: what is in it is the twin's, and
 * `.HOLDFAST` is Holdfast's own.
 */
async function twinAbove(folder: OpenFolder, name: Name): Promise<string | null> {
  if (!folder.facts.foldsCase && !folder.facts.foldsUnicode) return null;
  for (const above of ancestorsOf(name)) {
    const parent = await openParent(folder.rootDirectory, above);
    if (parent.kind !== 'open') return null;
    try {
      const found = await lookIn(folder, parent.directory, above);
      if (found.result === 'twin') return found.twin;
    } finally {
      await parent.directory.close();
    }
  }
  return null;
}

function isAbsent(outcome: ProbeOutcome): boolean {
  return outcome.result === 'state' && outcome.state.kind === 'absent';
}

async function look(folder: OpenFolder, name: Name): Promise<ProbeOutcome> {
  const parent = await openParent(folder.rootDirectory, name);
  switch (parent.kind) {
    case 'missing':
      return { result: 'state', state: ABSENT };
    case 'obstructed':
      // Below a file nothing exists. What a link leads to was not deleted by its being a link.
      return { result: 'state', state: parent.by.kind === 'file' ? ABSENT : localStateOf(parent.by) };
    case 'unreadable': {
      const { inode, mtimeNs } = parent.directory;
      return { result: 'state', state: { kind: 'unhandled', special: 'unreadable', inode, mtimeNs } };
    }
    case 'open':
      try {
        return await lookIn(folder, parent.directory, name);
      } finally {
        await parent.directory.close();
      }
  }
}

async function lookIn(folder: OpenFolder, parent: OpenDirectory, name: Name): Promise<ProbeOutcome> {
  const facts = await parent.lstat(baseOf(name));
  if (facts !== null && (folder.facts.foldsCase || folder.facts.foldsUnicode)) {
    const twin = await findTwin(parent, baseOf(name), facts);
    if (twin !== null) {
      const above = parentOf(name);
      return { result: 'twin', twin: above === null ? twin : `${above}/${twin}` };
    }
  }
  return { result: 'state', state: localStateOf(facts) };
}

/** The name under which a folding file system really keeps the entry; null when it is this very one. */
async function findTwin(parent: OpenDirectory, base: string, facts: Facts): Promise<string | null> {
  const names = (await parent.list()).map((entry) => decodeSegment(entry.bytes));
  if (names.includes(base)) return null;
  const folded = fold(base);
  for (const name of names) {
    if (name === null || fold(name) !== folded) continue;
    if ((await parent.lstat(name))?.inode === facts.inode) return name;
  }
  return null;
}

function fold(text: string): string {
  return text.normalize('NFC').toLowerCase().normalize('NFC');
}
