/**
 * Listing: pages of the bucket in order of names. Keys are listed in order of bytes, where the marker
 * `dir/` of directory `dir` comes after `dir-a` and `dir.txt`; so before a page is handed out, the few
 * markers that belong into it and are listed later are asked for.
 */
import { mapLimit } from '#core/map-limit.ts';
import { compareNames } from '#core/name.ts';
import { Recent } from '#core/recent.ts';
import type { RemoteState } from '#core/state.ts';
import type { ListedObject, ListPage } from '#ports/object-store.ts';
import type { Client } from './client.ts';
import { digestInTag, isMarker, type ObjectHead, stateOf } from './heads.ts';
import { isHidden, markerKey } from './names.ts';
import type { ListedKey } from './xml.ts';

/** S3's own limit. */
const MOST_KEYS = 1_000;
const HEADS_AT_ONCE = 16;
/** As many objects of other digests as are remembered. */
const MOST_REMEMBERED = 20_000;

/** What was learnt of objects whose ETag is no digest of their content: it holds for as long as the ETag does. */
export class DigestMemory {
  readonly #known = new Recent<ObjectHead>(MOST_REMEMBERED);

  async headOf(client: Client, { key, etag }: ListedKey): Promise<ObjectHead | null> {
    const word = `${etag} ${key}`;
    const known = this.#known.get(word);
    if (known !== undefined) return known;
    const head = await client.head(key);
    if (head === null || head.etag !== etag) return head;
    this.#known.set(word, head);
    return head;
  }
}

/** @param listsDigests whether a plain ETag of this bucket is the MD5 of its object. */
export async function listPage(
  client: Client,
  memory: DigestMemory,
  after: string | null,
  limit: number,
  listsDigests: boolean,
): Promise<ListPage> {
  const { keys, isTruncated } = await client.listKeys({ after, limit: Math.min(limit, MOST_KEYS) });
  const last = keys.at(-1)?.key ?? null;
  const directories = new Set(
    keys.filter((row) => isMarker(row.key, row.size)).map(({ key }) => key.slice(0, -1)),
  );
  if (isTruncated && last !== null) {
    for (const name of await markersListedLater(client, last)) directories.add(name);
  }
  const files = keys.filter((row) => !isMarker(row.key, row.size) && !isHidden(row.key));
  const objects: ListedObject[] = await listedFiles(client, memory, files, listsDigests);
  // A file hides a marker of its name; a marker from before `after` was handed out with an earlier page.
  const taken = new Set(files.map(({ key }) => key));
  for (const rawName of directories) {
    const isEarlier = after !== null && compareNames(rawName, after) <= 0;
    if (rawName !== '' && !isEarlier && !taken.has(rawName)) {
      objects.push({ rawName, state: { kind: 'directory', version: null } });
    }
  }
  objects.sort((a, b) => compareNames(a.rawName, b.rawName));
  if (objects.length > limit) {
    const page = objects.slice(0, limit);
    return { objects: page, next: page.at(-1)?.rawName ?? null };
  }
  return { objects, next: isTruncated ? last : null };
}

/**
 * Directories that come before `key` by name while their markers come after it: those whose name `key` begins
 * with, followed by a character below the slash.
 */
async function markersListedLater(client: Client, key: string): Promise<readonly string[]> {
  const names: string[] = [];
  for (let at = 1; at < key.length; at += 1) {
    if (key[at]! < '/' && key[at - 1] !== '/') names.push(key.slice(0, at));
  }
  const found = await mapLimit(names, HEADS_AT_ONCE, async (name) => {
    const marker = markerKey(name);
    const { keys } = await client.listKeys({ after: null, prefix: marker, limit: 1 });
    return keys.some((row) => row.key === marker && isMarker(row.key, row.size));
  });
  return names.filter((_, index) => found[index]);
}

async function listedFiles(
  client: Client,
  memory: DigestMemory,
  rows: readonly ListedKey[],
  listsDigests: boolean,
): Promise<ListedObject[]> {
  const states = await mapLimit(rows, HEADS_AT_ONCE, async (row): Promise<RemoteState> => {
    const hash = listsDigests ? digestInTag(row.etag) : null;
    if (hash === null) return stateOf(await memory.headOf(client, row));
    const mtimeNs = row.modifiedAt === null ? null : BigInt(row.modifiedAt) * 1_000_000n;
    return { kind: 'file', size: row.size, hash, version: null, mtimeNs };
  });
  return rows.flatMap(({ key }, index) => {
    const state = states[index]!;
    return state.kind === 'absent' ? [] : [{ rawName: key, state }];
  });
}
