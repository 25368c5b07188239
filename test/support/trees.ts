/** Trees: reads a folder as a checker that shares no code with the engine. */
import { createHash } from 'node:crypto';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface TreeEntry {
  readonly kind: 'file' | 'directory' | 'other';
  readonly md5: string;
  readonly size: number;
  readonly mtimeNs: bigint;
}

/** Every name below a folder, `.holdfast` left out. */
export async function readTree(
  root: string,
  keep: (name: string) => boolean = () => true,
): Promise<Map<string, TreeEntry>> {
  const tree = new Map<string, TreeEntry>();
  const walk = async (directory: string): Promise<void> => {
    for (const entry of await readdir(join(root, directory), { withFileTypes: true })) {
      const name = directory === '' ? entry.name : `${directory}/${entry.name}`;
      if (name === '.holdfast' || !keep(name)) continue;
      const stat = await lstat(join(root, name), { bigint: true });
      if (stat.isDirectory()) {
        tree.set(name, { kind: 'directory', md5: '', size: 0, mtimeNs: 0n });
        await walk(name);
      } else if (stat.isFile()) {
        const bytes = await readFile(join(root, name));
        tree.set(name, {
          kind: 'file',
          md5: createHash('md5').update(bytes).digest('hex'),
          size: bytes.length,
          mtimeNs: stat.mtimeNs,
        });
      } else {
        tree.set(name, { kind: 'other', md5: '', size: 0, mtimeNs: 0n });
      }
    }
  };
  await walk('');
  return tree;
}

/** Differences in words, at most twenty; empty when equal. Links and the like are compared nowhere: they are not synced. */
export function differences(
  left: Map<string, TreeEntry>,
  right: Map<string, TreeEntry>,
  options: { mtimes: boolean },
): string[] {
  const found: string[] = [];
  for (const [name, entry] of left) {
    if (entry.kind === 'other') continue;
    const twin = right.get(name);
    if (twin === undefined) found.push(`${name}: missing on the right`);
    else if (twin.kind !== entry.kind || twin.md5 !== entry.md5)
      found.push(`${name}: ${entry.kind} ${entry.size} against ${twin.kind} ${twin.size}`);
    else if (options.mtimes && entry.kind === 'file' && twin.mtimeNs !== entry.mtimeNs)
      found.push(`${name}: mtime ${entry.mtimeNs} against ${twin.mtimeNs}`);
  }
  for (const [name, entry] of right)
    if (entry.kind !== 'other' && !left.has(name)) found.push(`${name}: missing on the left`);
  return found.slice(0, 20);
}
