/**
 * Swift listing: pages of a container and of its versions as JSON, from what the container servers
 * know by now. The two listings are joined as Swift joins them, page by page, so "latest" is wrong
 * where they disagree or a page begins in the middle of a name.
 */
import { compareNames } from '#core/name.ts';
import type { Row } from './lagging-listing.ts';
import type { SwiftContainer } from './swift-container.ts';
import { versionKey } from './swift-container.ts';

const MAX_LIMIT = 10_000;

interface ListedRow {
  readonly name: string;
  readonly bytes: number;
  readonly hash: string;
  readonly slo_etag?: string;
  readonly content_type: string;
  readonly last_modified: string;
}

/** @param path of the container, percent-encoded. */
export function listContainer(
  container: SwiftContainer,
  path: string,
  query: URLSearchParams,
): readonly ListedRow[] {
  const limit = limitOf(query) ?? MAX_LIMIT;
  const rows = container.listing.page(query.get('prefix') ?? '', query.get('marker') ?? '', limit);
  if (query.has('versions')) return listVersions(container, rows, query, limit);
  return rows.map((row) => {
    if (row.version === null) return listed(row);
    const symlink_path = `${path}/${encodePath(row.name)}?version-id=${row.version}`;
    return { ...listed(row), symlink_path, version_symlink: true };
  });
}

function listVersions(
  container: SwiftContainer,
  currentRows: readonly Row[],
  query: URLSearchParams,
  limit: number,
): readonly ListedRow[] {
  const hasLatest = new Set<string>();
  const links = new Set<string>();
  const found: (ListedRow & { readonly version_id: string; readonly is_latest: boolean })[] = [];
  for (const row of currentRows) {
    if (row.version !== null) {
      links.add(versionKey(row.name, row.version));
      continue;
    }
    hasLatest.add(row.name);
    found.push({ ...listed(row), version_id: 'null', is_latest: true });
  }
  const page = container.versionListing.page(query.get('prefix') ?? '', versionMarker(query), limit);
  for (const row of page) {
    const isMarker = row.type.startsWith('application/x-deleted');
    const is_latest = links.has(row.key) || (isMarker && !hasLatest.has(row.name));
    if (is_latest) hasLatest.add(row.name);
    found.push({ ...listed(row), version_id: row.version ?? 'null', is_latest });
  }
  // Stable: what is from before versioning comes first of its name.
  const inOrder = found.sort((left, right) => compareNames(left.name, right.name));
  return inOrder.slice(0, limit);
}

function versionMarker(query: URLSearchParams): string {
  const name = query.get('marker');
  if (name === null) return '';
  const version = query.get('version_marker');
  // All ids lie between `0` and `:`.
  return version === null ? `${name}\0:` : versionKey(name, version);
}

/** Null for a limit that Swift refuses. */
export function limitOf(query: URLSearchParams): number | null {
  const text = query.get('limit');
  if (text === null || text === '') return MAX_LIMIT;
  const limit = Number(text);
  return Number.isSafeInteger(limit) && limit >= 0 && limit <= MAX_LIMIT ? limit : null;
}

function listed(row: Row): ListedRow {
  const { name, bytes, hash, list, type, lastModified } = row;
  const large = list === null ? {} : { slo_etag: `"${list.tag}"` };
  return { name, bytes, hash, ...large, content_type: type, last_modified: lastModified };
}

function encodePath(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}
