/**
 * Acknowledges: the target side, SYNC and DECISION take the synced state, by compare-and-set
 * on the pending decision (invariant 4). Of two workers that carried it out one is heard.
 */
import { describeAcknowledged, movesFile } from '#core/describe-acknowledged.ts';
import { ABSENT } from '#core/state.ts';
import type { Acknowledgement } from '#ports/archive.ts';
import { bulk, inNameOrder, laterOne } from '../bulk.ts';
import { ACTION, DISPLACED, HISTORY_KIND, SIDE, SIDES } from '../codes.ts';
import { planOnce, type Session } from '../connection.ts';
import { digestColumn } from '../digest-column.ts';
import {
  type LocalColumns,
  localColumns,
  type RemoteColumns,
  remoteColumns,
  type SyncColumns,
  syncColumns,
} from '../entry-row.ts';
import { generationUsed } from './generation.ts';
import { LAG_MS, type LagRow, type Lags, lagsOf } from './lag.ts';
import { ENDS_WITH_NAME } from './problems.ts';
import { contentOf } from './record-listed.ts';

interface AcknowledgeRow extends LocalColumns, RemoteColumns, SyncColumns {
  readonly name: string;
  readonly serial: bigint;
  readonly action: number;
  readonly displaced: number;
  readonly target: number;
  /** Null unless a file was uploaded and its digest was learnt. */
  readonly uploaded_hash: string | null;
  /** Null unless a file was transferred. */
  readonly bytes: bigint | null;
  readonly text: string;
}

const ROWS = bulk<AcknowledgeRow>({
  name: 'text',
  serial: 'bigint',
  action: 'smallint',
  displaced: 'smallint',
  target: 'smallint',
  local_kind: 'smallint',
  local_size: 'bigint',
  local_mtime_ns: 'bigint',
  local_ctime_ns: 'bigint',
  local_inode: 'bigint',
  local_mode: 'smallint',
  local_special: 'smallint',
  local_hash: 'bytea',
  remote_kind: 'smallint',
  remote_size: 'bigint',
  remote_hash: 'bytea',
  remote_version: 'text',
  remote_mtime_ns: 'bigint',
  sync_kind: 'smallint',
  sync_size: 'bigint',
  sync_hash: 'bytea',
  uploaded_hash: 'bytea',
  bytes: 'bigint',
  text: 'text',
});

const taken = (side: keyof typeof SIDE, columns: readonly string[]): string =>
  columns
    .map((column) => `${side}_${column}`)
    .map(
      (column) =>
        `${column} = CASE given.target WHEN ${SIDE[side]} THEN given.${column} ELSE e.${column} END`,
    )
    .join(', ');

/** What a listing showed while the decision was pending is what the decision made: nothing is left to look at upstream. */
const SHOWN_ALREADY = `given.target = ${SIDE.remote} AND e.listed_marking = e.candidate_marking AND e.listed_content = ${contentOf('given')}`;

const ACKNOWLEDGE = planOnce(`
WITH given AS MATERIALIZED (SELECT * FROM ${ROWS.source('given', 2)}),
locked AS MATERIALIZED (
  SELECT e.name, e.seen_at FROM entry e JOIN given ON e.name = given.name
  WHERE e.pair_id = $1::int AND e.name = ANY($2::text[]) AND e.decision_serial = given.serial AND e.decision_action = given.action
    AND e.decision_displaced = given.displaced
  ORDER BY e.name FOR UPDATE OF e
),
written AS (
  UPDATE entry e SET
    local_serial = CASE given.target WHEN ${SIDE.local} THEN given.serial ELSE e.local_serial END,
    ${taken('local', ['kind', 'size', 'mtime_ns', 'ctime_ns', 'inode', 'mode', 'special'])},
    local_hash = CASE WHEN given.target = ${SIDE.local} THEN given.local_hash
      WHEN e.local_kind = 1 THEN coalesce(given.uploaded_hash, e.local_hash) ELSE e.local_hash END,
    remote_serial = CASE given.target WHEN ${SIDE.remote} THEN given.serial ELSE e.remote_serial END,
    ${taken('remote', ['kind', 'size', 'hash', 'version', 'mtime_ns'])},
    sync_serial = given.serial, sync_kind = given.sync_kind, sync_size = given.sync_size, sync_hash = given.sync_hash,
    decision_serial = 0, decision_action = NULL, decision_displaced = NULL, decision_turn = NULL, decision_reason = NULL,
    candidate_sides = CASE WHEN ${SHOWN_ALREADY} THEN e.candidate_sides & ${SIDES.local} ELSE e.candidate_sides END,
    listed_marking = NULL, listed_content = NULL,
    decision_cleared = false, due_at = NULL, held_until = NULL, held_by = NULL, attempts = 0, seen_at = now(), updated_at = now()
  FROM given JOIN locked ON locked.name = given.name
  WHERE e.pair_id = $1::int AND e.name = ANY($2::text[]) AND e.name = given.name
  RETURNING e.name, ${LAG_MS} AS lag_ms
),
used AS (${generationUsed('SELECT FROM written')}),
closed AS (
  DELETE FROM problem p USING written
  WHERE p.pair_id = $1::int AND p.name = written.name AND ${ENDS_WITH_NAME}
),
told AS (
  INSERT INTO history (pair_id, name, kind, side, serial, text, bytes)
  SELECT $1::int, given.name, ${HISTORY_KIND.acknowledged}, given.target, given.serial, given.text, given.bytes
  FROM given JOIN written ON written.name = given.name
)
SELECT name, lag_ms FROM written`);

/** @returns the names acknowledged, each with its lag; the others are no longer pending under that serial. */
export async function acknowledge(
  session: Session,
  pairId: number,
  acknowledgements: readonly Acknowledgement[],
): Promise<Lags> {
  const rows = inNameOrder(acknowledgements.map(acknowledgeRow), laterOne);
  const written = await session.query<LagRow>(ACKNOWLEDGE, pairId, ...ROWS.values(rows));
  return lagsOf(written);
}

/** Whether it took an object from below some directory, perhaps the last one there. */
export function removedObject({ name, target }: Acknowledgement): boolean {
  return target.side === 'remote' && target.state.kind === 'absent' && name.includes('/');
}

/** Whether a directory was made here, perhaps of one that only objects imply, whose last ended meanwhile. */
export function madeDirectoryHere({ sync, target }: Acknowledgement): boolean {
  return target.side === 'local' && sync.kind === 'directory';
}

/** Whether an object with content, which names above or below may have waited for, may have ended. */
export function endedObject({ target }: Acknowledgement): boolean {
  return target.side === 'remote' && (target.state.kind === 'absent' || target.state.kind === 'directory');
}

function acknowledgeRow(given: Acknowledgement): AcknowledgeRow {
  const { target } = given;
  return {
    name: given.name,
    serial: given.serial,
    action: ACTION[given.action],
    displaced: DISPLACED[given.displaced],
    target: SIDE[target.side],
    ...localColumns(target.side === 'local' ? target.state : ABSENT),
    ...remoteColumns(target.side === 'remote' ? target.state : ABSENT),
    ...syncColumns(given.sync),
    uploaded_hash: given.action === 'upload' ? digestColumn(given.hash) : null,
    bytes: movesFile(given) ? BigInt(given.bytes) : null,
    text: describeAcknowledged({ ...given, target: target.state }),
  };
}
