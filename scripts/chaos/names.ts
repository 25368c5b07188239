/** Names: a small space of them, so that users meet at the same ones. Files and directories never share one. */
import { EMPTY_NAMES } from './content.ts';
import type { Random } from './random.ts';

export interface NameSpace {
  readonly fileNames: readonly string[];
  readonly directoryNames: readonly string[];
  /** Where both users of a pair go most, so that they often meet within one sync. */
  readonly hot: readonly string[];
  /** From this many files in a folder on its users rather delete. */
  readonly mostFiles: number;
  /** A tree with more files is left alone: many deletes at once are held for an operator. */
  readonly mostRemoved: number;
}

const HOT = 0.3;

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
  hot: ['alpha.txt', 'north/beta.md', 'south/gamma'],
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
  if (random.chance(HOT)) return random.pick(names.hot);
  const file = random.pick(names.fileNames);
  const directory = random.chance(0.7) ? random.pick(directories) : drawDirectory(random, names);
  return directory === '' ? file : `${directory}/${file}`;
}

/** Where a user moves a directory, and which; null when the draw makes no sense. */
export function drawMove(
  random: Random,
  names: NameSpace,
  directories: readonly string[],
): { readonly from: string; readonly to: string } | null {
  const own = directories.filter((name) => name !== '');
  if (own.length === 0) return null;
  const from = random.pick(own);
  const to = drawDirectory(random, names);
  return to === from || to.startsWith(`${from}/`) || from.startsWith(`${to}/`) ? null : { from, to };
}

/** What a user does next: the first thing is to create, and where there are many files, to delete rather. */
export function drawAct<Act extends string>(
  random: Random,
  names: NameSpace,
  weights: readonly (readonly [Act, number])[],
  files: readonly string[],
): Act | 'create' {
  if (files.length === 0) return 'create';
  const isCrowded = files.length > names.mostFiles;
  return random.weighted(
    weights.map(([act, weight]) => {
      if (!isCrowded) return [act, weight] as const;
      return [act, act === 'create' ? 0 : act === 'delete' ? weight * 4 : weight] as const;
    }),
  );
}

/** One that is there. */
export function drawFile(random: Random, names: NameSpace, files: readonly string[]): string {
  const hot = names.hot.filter((name) => files.includes(name));
  return hot.length > 0 && random.chance(HOT) ? random.pick(hot) : random.pick(files);
}

export function parentOf(name: string): string | null {
  const slash = name.lastIndexOf('/');
  return slash < 0 ? null : name.slice(0, slash);
}
