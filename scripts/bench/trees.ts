/** Trees: the files a workload moves, the same for every tool, old enough to count as settled. */
import { createHash } from 'node:crypto';
import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Of every file, in seconds: what peers compare, as rclone writes it on objects. */
export const TREE_MTIME = '1700000000.000000000';

export interface TreeShape {
  readonly files: number;
  readonly perDirectory: number;
  readonly bytes: number;
}

/** Contents by name; no two alike, so that no store and no tool can share them. */
export function makeContents(shape: TreeShape, tag: string): Map<string, Uint8Array> {
  const contents = new Map<string, Uint8Array>();
  for (let index = 0; index < shape.files; index += 1) {
    const directory = String(Math.floor(index / shape.perDirectory)).padStart(5, '0');
    contents.set(
      `d${directory}/f${String(index).padStart(7, '0')}`,
      contentOf(`${tag} ${index}`, shape.bytes),
    );
  }
  return contents;
}

/** Bytes that follow from a seed. */
export function contentOf(seed: string, bytes: number): Uint8Array {
  const block = createHash('sha512').update(seed).digest();
  const content = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; at += block.length) block.copy(content, at);
  return content;
}

export async function writeTree(folder: string, contents: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const made = new Set<string>();
  const longAgo = new Date(Number(TREE_MTIME) * 1_000);
  for (const [name, bytes] of contents) {
    const path = join(folder, name);
    const above = dirname(path);
    if (!made.has(above)) await mkdir(above, { recursive: true });
    made.add(above);
    await writeFile(path, bytes);
    await utimes(path, longAgo, longAgo);
  }
}
