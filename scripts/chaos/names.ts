/** Names: a small space of them, so that users meet at the same ones. Files and directories never share one. */
import { EMPTY_NAMES } from './content.ts';
import type { Random } from './random.ts';

export interface NameSpace {
  readonly fileNames: readonly string[];
  readonly directoryNames: readonly string[];
  /** From this many files in a folder on its users rather delete. */
  readonly mostFiles: number;
  /** A tree with more files is left alone: many deletes at once are held for an operator. */
  readonly mostRemoved: number;
}

export const NAME_SPACE: NameSpace = {
  fileNames: [
    'alpha.txt',
    'beta.md',
    'gamma',
    'späße.txt',
    'delta 4.bin',
    'epsilon.log',
    `${EMPTY_NAMES}.txt`,
  ],
  directoryNames: ['north', 'south', 'west & east'],
  mostFiles: 45,
  mostRemoved: 12,
};

/** A directory at most two deep. */
export function drawDirectory(random: Random, names: NameSpace): string {
  const first = random.pick(names.directoryNames);
  return random.chance(0.4) ? `${first}/${random.pick(names.directoryNames)}` : first;
}

/** A file at the root, in a directory that exists, or in one that may not. */
export function drawName(random: Random, names: NameSpace, directories: readonly string[]): string {
  const file = random.pick(names.fileNames);
  const directory = random.chance(0.7) ? random.pick(directories) : drawDirectory(random, names);
  return directory === '' ? file : `${directory}/${file}`;
}

export function drawFile(random: Random, files: readonly string[]): string {
  return random.pick(files);
}

export function parentOf(name: string): string | null {
  const slash = name.lastIndexOf('/');
  return slash < 0 ? null : name.slice(0, slash);
}
