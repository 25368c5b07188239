/**
 * Listing: the container page by page in order of UTF-8 bytes. The server neither says that a page
 * was cut nor honours every limit, so only an empty page is the end (pithos-api section 3.1);
 * hidden objects are left out but still carry the listing forward.
 */
import type { Name } from '#core/name.ts';
import type { ListedObject, ListPage } from '#ports/object-store.ts';
import { oddAnswer, type PithosClient } from './client.ts';
import { asRecord, asText, isHidden, parseListedObject } from './wire.ts';

/** @throws HoldfastError container-missing, store-protocol for a row that is no object. */
export async function listObjects(
  client: PithosClient,
  after: string | null,
  limit: number,
): Promise<ListPage> {
  const rows = await client.listPage({ after, limit });
  const objects: ListedObject[] = [];
  let next: string | null = null;
  for (const row of rows) {
    const listed = parseListedObject(row);
    if (listed === null) throw oddAnswer(client.container, 'list it', 'a row has another form');
    next = listed.rawName;
    if (!isHidden(listed.rawName)) objects.push(listed);
  }
  return { objects, next };
}

/** Whether any visible object lies below `name/`. */
export async function hasChildren(client: PithosClient, name: Name): Promise<boolean> {
  const prefix = `${name}/`;
  let after: string | null = null;
  for (;;) {
    const names: string[] = (await namesPage(client, after, prefix)).filter((found) =>
      found.startsWith(prefix),
    );
    if (names.some((found) => found !== prefix && !isHidden(found))) return true;
    const last = names.at(-1);
    if (last === undefined) return false;
    after = last;
  }
}

/** Raw names that begin with `prefix`, hidden ones too; at most `limit` in one page. */
export async function namesPage(
  client: PithosClient,
  after: string | null,
  prefix: string,
  limit = 100,
): Promise<string[]> {
  const rows = await client.listPage({ after, prefix, limit });
  return rows.map((row) => asText(asRecord(row)['name'])).filter((name) => name !== null);
}
