/** Reads entries: by page, by name, and the candidates. */
import type { Entry } from '#core/entry.ts';
import type { Name } from '#core/name.ts';
import { NO_SERIAL, type Serial } from '#core/serial.ts';
import { ABSENT, type LocalState, type RemoteState } from '#core/state.ts';
import type { Candidate } from '#ports/archive.ts';
import { SIDES, wordOf } from '../codes.ts';
import type { Session } from '../connection.ts';
import {
  ENTRY_COLUMNS,
  type EntryRow,
  type LocalColumns,
  type RemoteColumns,
  toEntry,
  toLocalState,
  toRemoteState,
} from '../entry-row.ts';
import { nextCandidates } from './next-candidates.ts';

const page = (columns: string, kind: string): string => `
SELECT name, ${columns} FROM entry
WHERE pair_id = $1::int AND name > $2::text AND ${kind} <> 0
ORDER BY name LIMIT $3::int`;

const PAGE_LOCAL = page(
  'local_kind, local_size, local_mtime_ns, local_ctime_ns, local_inode, local_mode, local_special, local_hash',
  'local_kind',
);
const PAGE_REMOTE = page(
  'remote_kind, remote_size, remote_hash, remote_version, remote_mtime_ns',
  'remote_kind',
);

export async function pageLocal(
  session: Session,
  pairId: number,
  after: string | null,
  limit: number,
): Promise<readonly { readonly name: Name; readonly state: LocalState }[]> {
  type Row = LocalColumns & { readonly name: Name };
  const rows = await session.query<Row>(PAGE_LOCAL, pairId, after ?? '', limit);
  return rows.map((row) => ({ name: row.name, state: toLocalState(row) }));
}

export async function pageRemote(
  session: Session,
  pairId: number,
  after: string | null,
  limit: number,
): Promise<readonly { readonly name: Name; readonly state: RemoteState }[]> {
  type Row = RemoteColumns & { readonly name: Name };
  const rows = await session.query<Row>(PAGE_REMOTE, pairId, after ?? '', limit);
  return rows.map((row) => ({ name: row.name, state: toRemoteState(row) }));
}

/** A name without a row may still be an implied directory. */
const LOAD = `
SELECT ${ENTRY_COLUMNS}
FROM entry e JOIN unnest($2::text[]) AS given(name) ON e.name = given.name
WHERE e.pair_id = $1::int
UNION ALL
SELECT given.name, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL,
  0, NULL, NULL, NULL, 0, true
FROM unnest($2::text[]) AS given(name)
WHERE NOT EXISTS (SELECT FROM entry e WHERE e.pair_id = $1::int AND e.name = given.name)
  AND EXISTS (
    SELECT FROM entry below
    WHERE below.pair_id = $1::int AND below.name > given.name || '/' AND below.name < given.name || '0'
      AND below.remote_kind <> 0
  )`;

export async function load(
  session: Session,
  pairId: number,
  names: readonly Name[],
): Promise<readonly Entry[]> {
  const rows = await session.query<EntryRow>(LOAD, pairId, [...new Set(names)]);
  const found = new Map(rows.map((row) => [row.name, toEntry(row)]));
  return names.map((name) => found.get(name) ?? unknownEntry(name));
}

function unknownEntry(name: Name): Entry {
  return {
    name,
    local: ABSENT,
    localSerial: NO_SERIAL,
    remote: ABSENT,
    remoteSerial: NO_SERIAL,
    sync: ABSENT,
    syncSerial: NO_SERIAL,
    decision: null,
    remoteHasChildren: false,
  };
}

const CANDIDATES = `
SELECT * FROM (${nextCandidates(`${ENTRY_COLUMNS}, e.candidate_sides, e.candidate_marking`, '$1::int', '$2::int')}) next
ORDER BY is_new, name`;

export async function candidates(
  session: Session,
  pairId: number,
  limit: number,
): Promise<readonly Candidate[]> {
  type Row = EntryRow & { readonly candidate_sides: number; readonly candidate_marking: bigint };
  const rows = await session.query<Row>(CANDIDATES, pairId, limit);
  return rows.map((row) => ({
    entry: toEntry(row),
    sides: wordOf(SIDES, row.candidate_sides),
    marking: row.candidate_marking as Serial,
  }));
}

const ISSUE_SERIALS = `SELECT nextval('serial') AS serial FROM generate_series(1, $1::int)`;

export async function issueSerials(session: Session, count: number): Promise<readonly Serial[]> {
  const rows = await session.query<{ serial: Serial }>(ISSUE_SERIALS, count);
  return rows.map(({ serial }) => serial);
}
