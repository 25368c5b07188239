/**
 * Entry row: between a row of the table `entry` and an Entry. A column that the kind of
 * a state does not use is null, which the table's checks rely on. Digests are those of digest-column.ts.
 */
import type { Entry, PendingDecision } from '#core/entry.ts';
import type { Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import { ABSENT, type LocalState, type RemoteState, type SyncState } from '#core/state.ts';
import { ACTION, DISPLACED, KIND, SPECIAL, wordOf } from './codes.ts';
import { digestColumn, digestOf } from './digest-column.ts';

export interface LocalColumns {
  readonly local_kind: number;
  readonly local_size: bigint | null;
  readonly local_mtime_ns: bigint | null;
  readonly local_ctime_ns: bigint | null;
  readonly local_inode: bigint | null;
  readonly local_mode: number | null;
  readonly local_special: number | null;
  readonly local_hash: string | null;
}

export interface RemoteColumns {
  readonly remote_kind: number;
  readonly remote_size: bigint | null;
  readonly remote_hash: string | null;
  readonly remote_version: string | null;
  readonly remote_mtime_ns: bigint | null;
}

export interface SyncColumns {
  readonly sync_kind: number;
  readonly sync_size: bigint | null;
  readonly sync_hash: string | null;
}

export interface EntryRow extends LocalColumns, RemoteColumns, SyncColumns {
  readonly name: string;
  readonly local_serial: bigint;
  readonly remote_serial: bigint;
  readonly sync_serial: bigint;
  readonly decision_serial: bigint;
  readonly decision_action: number | null;
  readonly decision_displaced: number | null;
  readonly decision_reason: string | null;
  readonly attempts: number;
  readonly remote_has_children: boolean;
}

/** Columns of an EntryRow, for a table `entry` named `e`. */
export const ENTRY_COLUMNS = `
  e.name, e.local_serial, e.local_kind, e.local_size, e.local_mtime_ns, e.local_ctime_ns, e.local_inode,
  e.local_mode, e.local_special, e.local_hash, e.remote_serial, e.remote_kind, e.remote_size, e.remote_hash,
  e.remote_version, e.remote_mtime_ns, e.sync_serial, e.sync_kind, e.sync_size, e.sync_hash,
  e.decision_serial, e.decision_action, e.decision_displaced, e.decision_reason, e.attempts,
  EXISTS (
    SELECT FROM entry below
    WHERE below.pair_id = e.pair_id AND below.name > e.name || '/' AND below.name < e.name || '0'
      AND below.remote_kind <> ${KIND.absent}
  ) AS remote_has_children`;

export function toEntry(row: EntryRow): Entry {
  return {
    name: row.name as Name,
    local: toLocalState(row),
    localSerial: row.local_serial as Serial,
    remote: toRemoteState(row),
    remoteSerial: row.remote_serial as Serial,
    sync: toSyncState(row),
    syncSerial: row.sync_serial as Serial,
    decision: toDecision(row),
    remoteHasChildren: row.remote_has_children,
  };
}

function toDecision(row: EntryRow): PendingDecision | null {
  if (row.decision_action === null) return null;
  return {
    serial: row.decision_serial as Serial,
    action: wordOf(ACTION, row.decision_action),
    displaced: wordOf(DISPLACED, row.decision_displaced as number),
    reason: row.decision_reason as string,
    attempts: row.attempts,
  };
}

export function toLocalState(row: LocalColumns): LocalState {
  const inode = BigInt.asUintN(64, row.local_inode ?? 0n);
  const mtimeNs = row.local_mtime_ns ?? 0n;
  switch (wordOf(KIND, row.local_kind)) {
    case 'absent':
      return ABSENT;
    case 'directory':
      return { kind: 'directory', inode, mtimeNs, mode: row.local_mode as number };
    case 'file':
      return {
        kind: 'file',
        size: Number(row.local_size),
        mtimeNs,
        ctimeNs: row.local_ctime_ns as bigint,
        inode,
        mode: row.local_mode as number,
        hash: digestOf(row.local_hash),
      };
    case 'unhandled':
      return { kind: 'unhandled', special: wordOf(SPECIAL, row.local_special as number), inode, mtimeNs };
  }
}

export function toRemoteState(row: RemoteColumns): RemoteState {
  const version = row.remote_version;
  switch (wordOf(KIND, row.remote_kind)) {
    case 'absent':
      return ABSENT;
    case 'directory':
      return { kind: 'directory', version };
    case 'file':
      return {
        kind: 'file',
        size: Number(row.remote_size),
        hash: digestOf(row.remote_hash) as string,
        version,
        mtimeNs: row.remote_mtime_ns,
      };
    case 'unhandled':
      return { kind: 'unhandled', version };
  }
}

function toSyncState(row: SyncColumns): SyncState {
  switch (wordOf(KIND, row.sync_kind)) {
    case 'file':
      return { kind: 'file', size: Number(row.sync_size), hash: digestOf(row.sync_hash) as string };
    case 'directory':
      return { kind: 'directory' };
    default:
      return ABSENT;
  }
}

export function localColumns(state: LocalState): LocalColumns {
  const present = state.kind !== 'absent';
  const file = state.kind === 'file' ? state : null;
  return {
    local_kind: KIND[state.kind],
    local_size: file === null ? null : BigInt(file.size),
    local_mtime_ns: present ? state.mtimeNs : null,
    local_ctime_ns: file?.ctimeNs ?? null,
    local_inode: present ? BigInt.asIntN(64, state.inode) : null,
    local_mode: state.kind === 'file' || state.kind === 'directory' ? state.mode : null,
    local_special: state.kind === 'unhandled' ? SPECIAL[state.special] : null,
    local_hash: digestColumn(file?.hash ?? null),
  };
}

export function remoteColumns(state: RemoteState): RemoteColumns {
  const file = state.kind === 'file' ? state : null;
  return {
    remote_kind: KIND[state.kind],
    remote_size: file === null ? null : BigInt(file.size),
    remote_hash: digestColumn(file?.hash ?? null),
    remote_version: state.kind === 'absent' ? null : state.version,
    remote_mtime_ns: file === null ? null : storableTime(file.mtimeNs),
  };
}

/** Upstream anybody may have written any time; one beyond the column's range is no better than none. */
function storableTime(timeNs: bigint | null): bigint | null {
  return timeNs === null || BigInt.asIntN(64, timeNs) !== timeNs ? null : timeNs;
}

export function syncColumns(state: SyncState): SyncColumns {
  const file = state.kind === 'file' ? state : null;
  return {
    sync_kind: KIND[state.kind],
    sync_size: file === null ? null : BigInt(file.size),
    sync_hash: digestColumn(file?.hash ?? null),
  };
}
