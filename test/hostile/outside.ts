/**
 * Outside: a tree beside a pair's folder that nobody may touch, with every name that is
 * played with inside, so that whatever follows a planted link finds something there.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { watchKernel } from './kernel-watch.ts';

export interface Outside {
  readonly path: string;
  /** What was done to it since the last call, reading and listing included, and what is not as it was made. */
  touched(): string[];
  /** What of it these processes wait for events of. */
  watchedBy(pids: readonly number[]): string[];
  close(): void;
}

/** @param files names of files to be found there, such as `d/e/file-0`, with their contents. */
export function makeOutside(path: string, files: ReadonlyMap<string, string>): Outside {
  for (const [name, content] of files) {
    fs.mkdirSync(join(path, name, '..'), { recursive: true });
    fs.writeFileSync(join(path, name), content);
  }
  const entries = fs.readdirSync(path, { recursive: true, withFileTypes: true });
  const paths = [path, ...entries.map((entry) => join(entry.parentPath, entry.name))];
  const watch = watchKernel(paths);
  // Taken without opening anything, so that it is not seen itself.
  const made = new Map(paths.map((each) => [each, factsOf(each)]));
  return {
    path,
    touched: () => [
      ...watch.seen(),
      ...paths.filter((each) => factsOf(each) !== made.get(each)).map((each) => `${each}: is not as it was`),
    ],
    watchedBy: watch.alsoWatchedBy,
    close: () => watch.close(),
  };
}

function factsOf(path: string): string {
  const facts = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (facts === undefined) return 'gone';
  const { ino, mode, uid, gid, nlink, size, atimeNs, mtimeNs, ctimeNs } = facts;
  return [ino, mode, uid, gid, nlink, size, atimeNs, mtimeNs, ctimeNs].join(' ');
}
