/**
 * Listing: pages of the container, each row a hint. Rows are foreign input: what is no
 * object row is skipped, and odd names are handed on raw for the caller to judge.
 */
import { mapLimit } from '#core/map-limit.ts';
import { Recent } from '#core/recent.ts';
import type { RemoteState } from '#core/state.ts';
import type { ListedObject, ListPage } from '#ports/object-store.ts';
import type { Client } from './client.ts';
import { kindOf, type ObjectHead, stateOf } from './heads.ts';

export interface Row {
  readonly name: string;
  readonly bytes: number;
  readonly hash: string;
  readonly contentType: string;
  readonly lastModified: string;
  readonly versionId: string | null;
  readonly isLatest: boolean;
  /** A large object: `hash` is that of its list of segments. */
  readonly isManifest: boolean;
  /** A link of others. */
  readonly isLink: boolean;
}

const HEADS_AT_ONCE = 16;
/** As many manifests as are remembered. */
const MOST_REMEMBERED = 20_000;

/** What was learnt of manifests, of which a listing tells no digest of the content: it holds for the same list of segments. */
export class ManifestMemory {
  readonly #known = new Recent<ObjectHead>(MOST_REMEMBERED);

  /** Null when the object is gone. */
  async headOf(client: Client, { name, hash, versionId }: Row): Promise<ObjectHead | null> {
    const word = `${hash} ${versionId} ${name}`;
    const known = this.#known.get(word);
    if (known !== undefined) return known;
    const head = await client.head(name);
    // Of another one than was listed nothing is remembered.
    if (head?.manifest?.ownTag !== hash) return head;
    this.#known.set(word, head);
    return head;
  }
}

export async function listPage(
  client: Client,
  memory: ManifestMemory,
  after: string | null,
  limit: number,
): Promise<ListPage> {
  const marker = after === null ? {} : { marker: after };
  const rows = parseRows(await client.listing({ ...marker, limit: String(limit) }));
  const states = await mapLimit(rows, HEADS_AT_ONCE, async (row) =>
    row.isManifest ? stateOf(await memory.headOf(client, row)) : listedState(row),
  );
  return {
    objects: rows.flatMap(({ name: rawName }, index): ListedObject[] => {
      const state = states[index]!;
      return state.kind === 'absent' ? [] : [{ rawName, state }];
    }),
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
    isManifest: text('slo_etag') !== '',
    isLink: link !== '' && !versioned,
  };
}

function listedState(row: Row): RemoteState {
  const version = row.versionId;
  if (row.isLink) return { kind: 'unhandled', version };
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
