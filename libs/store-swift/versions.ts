/**
 * Versions: the history of one name, newest first, which proves what a commit displaced.
 * A name sorts before all others that it is a prefix of, so its versions come first. The
 * history is a listing too and may lag: a commit whose own version is missing from it is not judged.
 */
import { mapLimit } from '#core/map-limit.ts';
import type { Clock } from '#ports/clock.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Client } from './client.ts';
import { kindOf, type Manifest, type ObjectHead } from './heads.ts';
import { parseRows, type Row } from './listing.ts';
import type { SharedListing } from './shared-listing.ts';

export interface Version {
  /** The write's timestamp; of equal length for all, so ids compare as text. */
  readonly id: string;
  readonly kind: ObjectHead['kind'] | 'deleted';
  readonly size: number;
  /** MD5 of the content, also of a manifest of ours. */
  readonly etag: string;
  /** Of a manifest of ours; null for all else. */
  readonly manifest: Manifest | null;
  readonly isLatest: boolean;
}

const PAGE = 16;
const DELETED_TYPE = 'application/x-deleted';
const LAG_WAITS_MS = [50, 200, 800];

/** Versions of exactly this name, newest first, down to the end or until `isEnough`. */
export async function listVersions(
  client: Client,
  name: string,
  isEnough: (versions: readonly Version[]) => boolean = () => false,
): Promise<Version[]> {
  const found: Version[] = [];
  let marker: Record<string, string> = {};
  for (;;) {
    const page = parseRows(
      await client.listing({ versions: '', prefix: name, limit: String(PAGE), ...marker }),
    );
    const own = page.filter((row) => row.name === name);
    found.push(...(await versionsOf(client, own)));
    const last = own.at(-1);
    if (last === undefined || own.length < PAGE || isEnough(found)) return found;
    marker = { marker: name, version_marker: last.versionId ?? 'null' };
  }
}

/**
 * The history, down to the base at least, once it shows version `id`; read again a few times while it lags.
 * @throws HoldfastError store-unavailable when it stays behind: the commit is judged at its next attempt.
 */
export async function listVersionsShowing(
  { client, clock, histories }: Readers,
  name: string,
  id: string,
  baseId: string | null,
): Promise<Version[]> {
  const reachesBase = (versions: readonly Version[]): boolean =>
    versions.some((version) => version.id < id && isBelow(version, baseId));
  const shared = await histories.read(name);
  if (shared?.some((row) => idOf(row) === id)) return versionsOf(client, shared);
  for (const waitMs of [...LAG_WAITS_MS, null]) {
    const versions = await listVersions(client, name, reachesBase);
    if (versions.some((version) => version.id === id)) return versions;
    if (waitMs !== null) await clock.sleep(waitMs);
  }
  throw behind();
}

export function behind(): HoldfastError {
  return new HoldfastError(
    'store-unavailable',
    'the list of versions is behind the objects; whether the write displaced anything is checked again later',
  );
}

export interface Readers {
  readonly client: Client;
  readonly clock: Clock;
  readonly histories: SharedListing;
}

/** What came between a commit and its base: above `baseId`, below `oursId`, and not behind a deletion, which was not ours. */
export function between(versions: readonly Version[], oursId: string, baseId: string | null): Version[] {
  const found: Version[] = [];
  for (const version of versions) {
    if (version.id >= oursId) continue;
    if (isBelow(version, baseId)) break;
    found.push(version);
  }
  return found;
}

function isBelow(version: Version, baseId: string | null): boolean {
  return version.kind === 'deleted' || (baseId !== null && version.id <= baseId);
}

const HEADS_AT_ONCE = 8;

/** What the content of a manifest is only the version itself tells. */
function versionsOf(client: Client, rows: readonly Row[]): Promise<Version[]> {
  return mapLimit(rows, HEADS_AT_ONCE, async (row) => {
    const version = versionOf(row);
    if (!row.isManifest) return version;
    const head = await client.head(row.name, version.id);
    // One that is gone by now needs no more thought than its row gives.
    if (head === null) return version;
    const { kind, etag, manifest } = head;
    return { ...version, kind, etag, manifest };
  });
}

function versionOf(row: Row): Version {
  const isDeleted = row.contentType.startsWith(DELETED_TYPE);
  return {
    id: idOf(row),
    kind: isDeleted ? 'deleted' : kindOf(row.contentType, row.bytes),
    size: row.bytes,
    etag: row.hash,
    manifest: null,
    isLatest: row.isLatest,
  };
}

function idOf(row: Row): string {
  return row.versionId ?? timestampOf(row);
}

/** The write's timestamp as Swift writes it: the id that a version from before versioning takes once it is displaced. */
export function timestampOf({ lastModified }: Row): string {
  const [whole = '', fraction = ''] = lastModified.split('.');
  const seconds = Math.floor(Date.parse(`${whole}Z`) / 1000);
  return `${String(seconds).padStart(10, '0')}.${fraction.padEnd(5, '0').slice(0, 5)}`;
}
