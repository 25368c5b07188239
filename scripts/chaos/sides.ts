/** Sides: what a pair's folder and container hold when everything has come to rest, read past the engine. */
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { md5 } from './content.ts';
import type { RawContainer } from './raw-container.ts';

/** Digest of every file by name, and the names of all directories. */
export interface Side {
  readonly files: ReadonlyMap<string, string>;
  readonly directories: ReadonlySet<string>;
}

export interface PrivateFolder {
  /** MD5 of every content below the trash. */
  readonly trash: ReadonlySet<string>;
  /** What commits left behind. */
  readonly attempts: readonly string[];
}

export async function readFolder(root: string): Promise<Side> {
  const files = new Map<string, string>();
  const directories = new Set<string>();
  for (const [name, isDirectory] of await walk(root, '')) {
    if (name === '.holdfast' || name.startsWith('.holdfast/')) continue;
    if (isDirectory) directories.add(name);
    else files.set(name, md5(await readFile(join(root, name))));
  }
  return { files, directories };
}

export async function readPrivateFolder(root: string): Promise<PrivateFolder> {
  const trash = new Set<string>();
  for (const [name, isDirectory] of await walk(root, '.holdfast/trash')) {
    // Beside each item lie its facts; no user's content looks like them.
    if (!isDirectory) trash.add(md5(await readFile(join(root, name))));
  }
  const attempts = (await walk(root, '.holdfast/attempts')).map(([name]) => name);
  const all = new Set(attempts);
  return { trash, attempts: attempts.filter((name) => !isPartialDownload(name, all)) };
}

/** Part of what came of a large download, which waits for the next one; a commit under way has a journal. */
export function isPartialDownload(path: string, all: ReadonlySet<string>): boolean {
  const attempt = /^\.holdfast\/attempts\/[^/]+/.exec(path)?.[0];
  if (attempt === undefined || !all.has(`${attempt}/content.json`)) return false;
  return !all.has(`${attempt}/intent.json`) && !all.has(`${attempt}/old`);
}

/** Every object read in full; directories are those that objects are or imply. */
export async function readContainer(container: RawContainer): Promise<Side> {
  const files = new Map<string, string>();
  const directories = new Set<string>();
  for (const { name, isDirectory } of await container.list()) {
    for (let slash = name.indexOf('/'); slash >= 0; slash = name.indexOf('/', slash + 1)) {
      directories.add(name.slice(0, slash));
    }
    if (isDirectory) {
      directories.add(name);
      continue;
    }
    const bytes = await container.read(name);
    if (bytes !== null) files.set(name, md5(bytes));
  }
  return { files, directories };
}

/** Names below a directory with whether each is one; empty when there is no such directory. */
async function walk(root: string, directory: string): Promise<(readonly [string, boolean])[]> {
  const entries = await readdir(join(root, directory)).catch(() => []);
  const found: (readonly [string, boolean])[] = [];
  for (const entry of entries) {
    const name = directory === '' ? entry : `${directory}/${entry}`;
    const isDirectory = (await lstat(join(root, name))).isDirectory();
    found.push([name, isDirectory]);
    if (isDirectory) found.push(...(await walk(root, name)));
  }
  return found;
}
