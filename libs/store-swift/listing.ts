/**
 * Listing: pages of the container, each row a hint. Rows are foreign input: what is no
 * object row is skipped, and odd names are handed on raw for the caller to judge.
 */
import type { RemoteState } from '#core/state.ts';
import type { ListedObject, ListPage } from '#ports/object-store.ts';
import type { Client } from './client.ts';
import { kindOf } from './heads.ts';

export interface Row {
  readonly name: string;
  readonly bytes: number;
  readonly hash: string;
  readonly contentType: string;
  readonly lastModified: string;
  readonly versionId: string | null;
  readonly isLatest: boolean;
  readonly isForeign: boolean;
}

export async function listPage(client: Client, after: string | null, limit: number): Promise<ListPage> {
  const marker = after === null ? {} : { marker: after };
  const rows = parseRows(await client.listing({ ...marker, limit: String(limit) }));
  return {
    objects: rows.map(listedObject),
    next: rows.length < limit ? null : (rows.at(-1)?.name ?? null),
  };
}

export function parseRows(answer: unknown): Row[] {
  if (!Array.isArray(answer)) return [];
  const items: readonly unknown[] = answer;
  return items.flatMap((item) => {
    const row = parseRow(item);
    return row === null ? [] : [row];
  });
}

function parseRow(item: unknown): Row | null {
  if (typeof item !== 'object' || item === null) return null;
  const text = (key: string): string => {
    const value: unknown = Reflect.get(item, key);
    return typeof value === 'string' ? value : '';
  };
  const link = text('symlink_path');
  const versioned = Reflect.get(item, 'version_symlink') === true;
  const fromLink = versioned ? /\?version-id=(\d+\.\d+(?:_\w+)?)$/.exec(link)?.[1] : undefined;
  const versionId = text('version_id') || fromLink || null;
  const name = text('name');
  if (name === '') return null;
  return {
    name,
    bytes: Number(Reflect.get(item, 'bytes') ?? 0),
    hash: text('hash').toLowerCase(),
    contentType: text('content_type'),
    lastModified: text('last_modified'),
    versionId: versionId === 'null' ? null : versionId,
    isLatest: Reflect.get(item, 'is_latest') === true,
    isForeign: text('slo_etag') !== '' || (link !== '' && !versioned),
  };
}

function listedObject(row: Row): ListedObject {
  return { rawName: row.name, state: listedState(row) };
}

function listedState(row: Row): RemoteState {
  const version = row.versionId;
  if (row.isForeign) return { kind: 'unhandled', version };
  if (kindOf(row.contentType, row.bytes) === 'directory') return { kind: 'directory', version };
  return { kind: 'file', size: row.bytes, hash: row.hash, version, mtimeNs: listedTime(row.lastModified) };
}

/** The listing's time has microseconds and no zone, and is UTC. */
function listedTime(text: string): bigint | null {
  const [whole = '', fraction = ''] = text.split('.');
  const ms = Date.parse(`${whole}Z`);
  if (Number.isNaN(ms)) return null;
  return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}
