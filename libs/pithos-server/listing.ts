// Listings of a container: pages by name in byte order, optional roll-up into
// subdirs, and the view of an earlier time. Each page is a read of its own, so
// a rename between two pages can hide an object from both.

import { Fault } from './fault.ts';
import type { Pithos } from './pithos.ts';
import { integerParameter, type PithosRequest } from './request.ts';
import type { NameRange } from './tables.ts';
import { decimalSeconds, isoDate, MICROS_PER_SECOND } from './timestamps.ts';
import { endOfPrefix, type Version } from './version-store.ts';

export type ListEntry = Readonly<Record<string, unknown>>;

const SEEK_ROWS = 1000;

export function listObjects(pithos: Pithos, container: number, request: PithosRequest): ListEntry[] {
  // Sharing is not simulated: no object is shared or public.
  if (request.query.has('shared') || request.query.has('public')) return [];
  const path = request.query.get('path');
  const delimiter = path ? '/' : (request.query.get('delimiter') ?? '');
  const prefix = normalPrefix(path || (request.query.get('prefix') ?? ''), delimiter);
  const seconds = integerParameter(request, 'until');
  const range: NameRange = {
    container,
    after: request.query.get('marker') ?? '',
    from: prefix,
    end: prefix === '' ? undefined : endOfPrefix(prefix),
    until: seconds === undefined ? undefined : seconds * MICROS_PER_SECOND,
  };
  const limit = pageLimit(pithos, request);
  const describe = (row: Version) => describeRow(row, range.until !== undefined);
  if (delimiter === '') return pithos.versions.page(range, limit).map(describe);
  const { objects, subdirs } = rollUp(pithos, range, { prefix, delimiter, limit });
  if (path) return objects.slice(0, limit).map(describe);
  const merged = [
    ...objects.map((row) => ({ name: row.path, entry: describe(row) })),
    ...subdirs.map((subdir) => ({ name: subdir, entry: { subdir } })),
  ];
  merged.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  return merged.slice(0, limit).map((item) => item.entry);
}

export function pageLimit(pithos: Pithos, request: PithosRequest): number {
  const asked = integerParameter(request, 'limit') ?? 0;
  const cap = pithos.settings.pageCap;
  return asked > 0 && asked < cap ? asked : cap;
}

function normalPrefix(asked: string, delimiter: string): string {
  let prefix = asked;
  if (prefix !== '' && delimiter !== '' && !prefix.endsWith(delimiter)) prefix += delimiter;
  prefix = prefix.replace(/^\/+/, '');
  const last = [...prefix].at(-1)?.codePointAt(0) ?? 0;
  // The server computes the next string naively and trips over the end of the basic plane.
  if (last > 0xfffe) throw new Fault(500, 'Unexpected error');
  return prefix;
}

interface RollUp {
  readonly prefix: string;
  readonly delimiter: string;
  readonly limit: number;
}

/** Collects up to `limit` objects; the subdirs met on the way are not counted. */
function rollUp(pithos: Pithos, range: NameRange, how: RollUp): { objects: Version[]; subdirs: string[] } {
  const objects: Version[] = [];
  const subdirs: string[] = [];
  let { after, from } = range;
  while (true) {
    const rows = pithos.versions.page({ ...range, after, from }, SEEK_ROWS);
    for (const row of rows) {
      const inside = subdirs.at(-1);
      if (inside !== undefined && row.path.startsWith(inside)) continue;
      const at = row.path.indexOf(how.delimiter, how.prefix.length);
      // An object named `photos/` is an object; only something below it makes the subdir `photos/`.
      if (at !== -1 && at + how.delimiter.length < row.path.length) {
        subdirs.push(row.path.slice(0, at + how.delimiter.length));
        continue;
      }
      objects.push(row);
      if (objects.length >= how.limit) return { objects, subdirs };
    }
    const last = rows.at(-1);
    if (rows.length < SEEK_ROWS || last === undefined) return { objects, subdirs };
    after = last.path;
    const inside = subdirs.at(-1);
    if (inside !== undefined && last.path.startsWith(inside)) from = endOfPrefix(inside);
  }
}

function describeRow(row: Version, isPast: boolean): ListEntry {
  return {
    name: row.path,
    bytes: row.bytes,
    content_type: row.type,
    hash: row.md5,
    x_object_hash: row.hash,
    x_object_uuid: row.uuid,
    x_object_version: row.serial,
    x_object_version_timestamp: decimalSeconds(row.mtime),
    ...(isPast ? {} : { last_modified: isoDate(row.mtime) }),
    x_object_modified_by: row.author,
    available: 1,
    map_check_timestamp: null,
  };
}
