/**
 * Walk: all entries below the root in order of the UTF-8 bytes of their full names, as stores
 * list. A directory's siblings are sorted with two keys for each directory, `d` for itself and
 * `d/` for what lies below, because `d-x` comes between the two. Memory: one listing per level.
 */
import { isUtf8 } from 'node:buffer';
import { MAX_NAME_BYTES, type Name, type NameFault, nameFault, PRIVATE_DIRECTORY } from '#core/name.ts';
import type { WalkItem } from '#ports/local-folder.ts';
import { type Facts, type OpenDirectory, systemCode } from './file-system.ts';
import { localStateOf } from './local-state.ts';

/** System calls block the process, each for microseconds on a disk; after so many others get their turn. */
const ENTRIES_PER_TURN = 200;

type IsExcluded = (name: Name, isDirectory: boolean) => boolean;

/** One directory on the way from the root to where the walk is. */
interface Level {
  readonly directory: OpenDirectory;
  /** Empty at the root, else the directory's name with a slash. */
  readonly prefix: string;
  readonly keys: readonly string[];
  next: number;
}

/** @param root stays open. Fails with a system error only where the root itself cannot be listed. */
export async function* walkTree(root: OpenDirectory, isExcluded: IsExcluded): AsyncGenerator<WalkItem> {
  const levels: Level[] = [{ directory: root, prefix: '', keys: sortedKeys(root), next: 0 }];
  let steps = 0;
  try {
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const key = level.keys[level.next];
      level.next += 1;
      if (key === undefined) {
        levels.pop();
        if (level.directory !== root) level.directory.closeNow();
        continue;
      }
      steps += 1;
      if (steps % ENTRIES_PER_TURN === 0) await new Promise<void>((resume) => setImmediate(resume));
      const found = visit(level, key, isExcluded);
      if (found === null) continue;
      if ('keys' in found) levels.push(found);
      else yield found;
    }
  } finally {
    for (const { directory } of levels) if (directory !== root) directory.closeNow();
  }
}

/** @returns what stands at this key, a level to go down to, or null for nothing. */
function visit(level: Level, key: string, isExcluded: IsExcluded): WalkItem | Level | null {
  const isSubtree = key.endsWith('/');
  const bytes = isSubtree ? key.slice(0, -1) : key;
  if (level.prefix === '' && bytes === PRIVATE_DIRECTORY) return null;
  const segment = decodeSegment(bytes);
  const fault = segment === null ? 'name-not-unicode' : faultBelow(level.prefix, segment);
  if (segment === null || fault !== null) {
    // Mac OS keeps folder icons in a file named `Icon` and a carriage return: excluded before it is unsyncable.
    if (segment !== null && isExcluded((level.prefix + segment) as Name, isSubtree)) return null;
    return isSubtree ? null : unsyncable(level.prefix, bytes, segment, fault ?? 'name-not-unicode');
  }
  const name = (level.prefix + segment) as Name;
  if (isSubtree) return isExcluded(name, true) ? null : enter(level.directory, segment, name);
  let facts: Facts | null;
  try {
    facts = level.directory.lstatNow(segment);
  } catch (thrown) {
    return unreadable(name, thrown);
  }
  if (facts === null || isExcluded(name, facts.kind === 'directory')) return null;
  return { kind: 'entry', name, state: localStateOf(facts) };
}

/** What lies above was judged before; only near the limit the whole name is judged again. */
function faultBelow(prefix: string, segment: string): NameFault | null {
  const mostBytes = 3 * (prefix.length + segment.length);
  return nameFault(mostBytes > MAX_NAME_BYTES ? prefix + segment : segment);
}

function enter(above: OpenDirectory, segment: string, name: Name): WalkItem | Level | null {
  let directory: OpenDirectory;
  try {
    directory = above.openDirectoryNow(segment);
  } catch (thrown) {
    // Removed or replaced since it was listed: the next events or the next walk tell.
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCode(thrown) ?? '')) return null;
    return unreadable(name, thrown);
  }
  try {
    return { directory, prefix: `${name}/`, keys: sortedKeys(directory), next: 0 };
  } catch (thrown) {
    directory.closeNow();
    return unreadable(name, thrown);
  }
}

/** Only what the system refuses becomes an item; a mistake of ours is thrown on. */
function unreadable(name: Name, thrown: unknown): WalkItem {
  const code = systemCode(thrown);
  if (code === undefined) throw thrown;
  return {
    kind: 'unreadable',
    name,
    text: `it cannot be read (${code}); give the service account permission`,
  };
}

/** Names as latin1 text, so that JavaScript's own order is the order of their bytes. */
function sortedKeys(directory: OpenDirectory): string[] {
  const keys: string[] = [];
  for (const entry of directory.listNow()) {
    keys.push(entry.bytes);
    if (entry.isDirectory) keys.push(`${entry.bytes}/`);
  }
  return keys.sort(byCodeUnit);
}

function byCodeUnit(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** @returns the segment as text, or null when its bytes are not UTF-8. */
export function decodeSegment(bytes: string): string | null {
  if (!/[\u0080-\u00ff]/.test(bytes)) return bytes;
  const raw = Buffer.from(bytes, 'latin1');
  return isUtf8(raw) ? raw.toString('utf8') : null;
}

function unsyncable(prefix: string, bytes: string, segment: string | null, code: string): WalkItem {
  const hidden = segment === null ? /[\u0000-\u001f\u007f-\u00ff]/g : /[\u0000-\u001f\u007f]/g;
  const escaped = (segment ?? bytes).replaceAll(
    hidden,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  const text = 'this name cannot be stored upstream; rename it';
  return { kind: 'unsyncable', shown: prefix + escaped, code, text };
}
