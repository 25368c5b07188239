/**
 * Marker: the file below `.holdfast/` that tells a pair's folder from an empty mount point, what
 * was found out about its file system, and which generation the folder was told (core/generation.ts).
 * It is only ever replaced as a whole. Its stamp is what a copy of it cannot have: its change time, and
 * its inode with the time of its birth, as inodes are used again. One of them may change without a
 * copy: the first when somebody gives the folder another owner or a backup reads it, the second when a
 * file system counts inodes anew after a remount. Device numbers do at any remount and count for nothing.
 */
import {
  formatGeneration,
  type Generation,
  NO_GENERATION,
  parseGeneration,
  type SideGeneration,
} from '#core/generation.ts';
import type { LocalFolderFacts } from '#ports/local-folder.ts';
import { unlinkIfPresent } from './attempts.ts';
import type { OpenDirectory } from './file-system.ts';
import { readJsonFile, writeJson } from './json-file.ts';

export const MARKER = 'marker';

export interface Marker {
  readonly pairId: string;
  readonly facts: LocalFolderFacts;
  readonly generation: SideGeneration;
}

/** Null when there is none that can be read. */
export async function readMarker(privateDirectory: OpenDirectory): Promise<Marker | null> {
  const file = await readJsonFile(privateDirectory, MARKER);
  if (file === null) return null;
  const { record, facts } = file;
  const { pairId, generation } = record;
  if (typeof pairId !== 'string') return null;
  // Where somebody damaged it, it is that of a folder that was told nothing.
  const told = typeof generation === 'string' ? parseGeneration(generation) : null;
  return {
    pairId,
    facts: {
      hardLinks: record['hardLinks'] === true,
      foldsCase: record['foldsCase'] === true,
      foldsUnicode: record['foldsUnicode'] === true,
    },
    generation: { ...(told ?? NO_GENERATION), stamp: `${facts.ctimeNs} ${facts.inode}-${facts.bornNs}` },
  };
}

/** Writes a marker that was told nothing, under a name that is not yet the marker's. */
export function draftMarker(
  privateDirectory: OpenDirectory,
  draft: string,
  pairId: string,
  facts: LocalFolderFacts,
): Promise<void> {
  return writeJson(privateDirectory, draft, { pairId, ...facts });
}

/** See `LocalFolder.tell`. @param uniqueId names the draft. */
export async function tellMarker(
  privateDirectory: OpenDirectory,
  marker: Marker,
  generation: Generation,
  uniqueId: string,
): Promise<SideGeneration> {
  if (marker.generation.number >= generation.number) return marker.generation;
  const draft = `${MARKER}-${uniqueId}`;
  const { pairId, facts } = marker;
  await writeJson(privateDirectory, draft, { pairId, ...facts, generation: formatGeneration(generation) });
  try {
    await privateDirectory.rename(draft, privateDirectory, MARKER);
  } catch (thrown) {
    await unlinkIfPresent(privateDirectory, draft);
    throw thrown;
  }
  await privateDirectory.sync();
  return (await readMarker(privateDirectory))?.generation ?? marker.generation;
}
