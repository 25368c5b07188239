/**
 * Records what probes found, by compare-and-set: only where LOCAL, REMOTE and SYNC still
 * are those that were looked at and nothing is pending (invariant 4). SYNC is compared
 * too, since an acknowledgement without transfer changes nothing else, and a decision
 * made on the SYNC before it would call a plain change a conflict.
 */
import { NO_SERIAL } from '#core/serial.ts';
import { TURN, turnOf } from '#core/turn.ts';
import type { HistoryEvent, ProbeRecord } from '#ports/archive.ts';
import { bulk, inNameOrder, laterOne } from '../bulk.ts';
import { ACTION, DISPLACED, SIDE } from '../codes.ts';
import { planOnce, type Session } from '../connection.ts';
import {
  type LocalColumns,
  localColumns,
  type RemoteColumns,
  remoteColumns,
  type SyncColumns,
  syncColumns,
} from '../entry-row.ts';
import { EVENTS, historyRow } from './append-history.ts';
import { generationUsed } from './generation.ts';
import { LAG_MS, type LagRow, type Lags, lagsOf } from './lag.ts';
import { markEmptied, markEmptiedAbove } from './mark-emptied.ts';
import { markAroundEnded } from './mark-waiting.ts';
import { ENDS_WITH_NAME } from './problems.ts';

interface RecordRow extends LocalColumns, RemoteColumns, SyncColumns {
  readonly name: string;
  readonly marking: bigint;
  readonly expected_local: bigint;
  readonly expected_remote: bigint;
  readonly expected_sync: bigint;
  readonly local_serial: bigint;
  readonly remote_serial: bigint;
  readonly sync_serial: bigint;
  readonly decision_serial: bigint;
  readonly decision_action: number | null;
  readonly decision_displaced: number | null;
  readonly decision_turn: number | null;
  readonly decision_reason: string | null;
  readonly attempts: number;
  /** Set when the marking stays until then. */
  readonly later_at: Date | null;
  readonly problem_code: string | null;
  readonly problem_text: string | null;
}

const ROWS = bulk<RecordRow>({
  name: 'text',
  marking: 'bigint',
  expected_local: 'bigint',
  expected_remote: 'bigint',
  expected_sync: 'bigint',
  local_serial: 'bigint',
  local_kind: 'smallint',
  local_size: 'bigint',
  local_mtime_ns: 'bigint',
  local_ctime_ns: 'bigint',
  local_inode: 'bigint',
  local_mode: 'smallint',
  local_special: 'smallint',
  local_hash: 'bytea',
  remote_serial: 'bigint',
  remote_kind: 'smallint',
  remote_size: 'bigint',
  remote_hash: 'bytea',
  remote_version: 'text',
  remote_mtime_ns: 'bigint',
  sync_serial: 'bigint',
  sync_kind: 'smallint',
  sync_size: 'bigint',
  sync_hash: 'bytea',
  decision_serial: 'bigint',
  decision_action: 'smallint',
  decision_displaced: 'smallint',
  decision_turn: 'smallint',
  decision_reason: 'text',
  attempts: 'smallint',
  later_at: 'timestamptz',
  problem_code: 'text',
  problem_text: 'text',
});

const WRITTEN_COLUMNS = [
  ...['local_serial', 'local_kind', 'local_size', 'local_mtime_ns', 'local_ctime_ns', 'local_inode'],
  ...['local_mode', 'local_special', 'local_hash', 'remote_serial', 'remote_kind', 'remote_size'],
  ...['remote_hash', 'remote_version', 'remote_mtime_ns', 'sync_serial', 'sync_kind', 'sync_size'],
  ...['sync_hash', 'decision_serial', 'decision_action', 'decision_displaced', 'decision_turn'],
  ...['decision_reason', 'attempts'],
];

/** What a delete is about, as the row still has it; kept while the name stays away. */
const wentAway = (column: string, now: string): string =>
  `${column} = CASE WHEN given.decision_action >= ${ACTION['delete-remote']} THEN ${now}
      WHEN given.decision_action IS NULL AND given.sync_kind = 0 THEN e.${column} END`;
/** Looked at again, the name was away already when the row was recorded. */
const lastHere = (column: string): string =>
  `CASE WHEN given.decision_action = ${ACTION['delete-remote']} THEN
        CASE WHEN e.local_kind = 0 THEN e.gone_${column} ELSE e.local_${column} END END`;
const WENT_AWAY = [
  wentAway('deleted_at', 'NULL'),
  wentAway(
    'gone_side',
    `CASE given.decision_action WHEN ${ACTION['delete-remote']} THEN ${SIDE.local} ELSE ${SIDE.remote} END`,
  ),
  wentAway('gone_size', 'given.sync_size'),
  wentAway('gone_hash', 'given.sync_hash'),
  wentAway('gone_inode', lastHere('inode')),
  wentAway('gone_mtime_ns', lastHere('mtime_ns')),
].join(', ');

/** Both sides hold the same already. */
const ACKNOWLEDGED = 'given.sync_serial <> given.expected_sync';

const RECORD = planOnce(`
WITH given AS MATERIALIZED (SELECT * FROM ${ROWS.source('given', 2)}),
locked AS MATERIALIZED (
  SELECT e.name, e.seen_at FROM entry e JOIN given ON e.name = given.name
  WHERE e.pair_id = $1::int AND e.name = ANY($2::text[]) AND e.decision_action IS NULL AND e.local_serial = given.expected_local
    AND e.remote_serial = given.expected_remote AND e.sync_serial = given.expected_sync
  ORDER BY e.name FOR UPDATE OF e
),
written AS (
  UPDATE entry e SET
    ${WRITTEN_COLUMNS.map((column) => `${column} = given.${column}`).join(', ')},
    decision_cleared = false, listed_marking = NULL, listed_content = NULL, ${WENT_AWAY},
    candidate_sides = CASE WHEN given.later_at IS NULL AND e.candidate_marking = given.marking THEN 0
      ELSE e.candidate_sides END,
    due_at = CASE WHEN given.later_at IS NULL OR e.candidate_marking = given.marking THEN given.later_at
      ELSE least(given.later_at, now() + interval '2 seconds') END,
    seen_at = CASE WHEN ${ACKNOWLEDGED} THEN now() ELSE e.seen_at END, updated_at = now()
  FROM given JOIN locked ON locked.name = given.name
  WHERE e.pair_id = $1::int AND e.name = ANY($2::text[]) AND e.name = given.name
  RETURNING e.name, given.problem_code, ${ACKNOWLEDGED} AS acknowledged,
    CASE WHEN ${ACKNOWLEDGED} THEN ${LAG_MS} END AS lag_ms
),
used AS (${generationUsed('SELECT FROM written WHERE acknowledged')}),
opened AS (
  INSERT INTO problem AS p (pair_id, name, code, text, next_attempt_at)
  SELECT $1::int, given.name, given.problem_code, given.problem_text, given.later_at
  FROM given JOIN written ON written.name = given.name WHERE given.problem_code IS NOT NULL
  ORDER BY given.name
  ON CONFLICT (pair_id, name) DO UPDATE SET
    first_seen_at = CASE WHEN p.code = excluded.code THEN p.first_seen_at ELSE now() END,
    code = excluded.code, text = excluded.text, last_seen_at = now(), next_attempt_at = excluded.next_attempt_at
),
closed AS (
  DELETE FROM problem p USING written
  WHERE p.pair_id = $1::int AND p.name = written.name AND written.problem_code IS NULL AND ${ENDS_WITH_NAME}
),
told AS (
  INSERT INTO history (pair_id, name, kind, side, serial, text)
  SELECT $1::int, name, kind, side, serial, text
  FROM ${EVENTS.source('event', 2 + ROWS.width)}
  WHERE event.name IS NULL OR event.name IN (SELECT name FROM written)
    OR event.name NOT IN (SELECT name FROM given)
)
SELECT name, lag_ms FROM written`);

/** @returns the names written, with their lags where both sides are equal by it. Events of names that were raced are left out with them. */
export async function record(
  session: Session,
  pairId: number,
  records: readonly ProbeRecord[],
  history: readonly HistoryEvent[],
): Promise<Lags> {
  const rows = inNameOrder(records.map(recordRow), laterOne);
  const written = await session.query<LagRow>(
    RECORD,
    pairId,
    ...ROWS.values(rows),
    ...EVENTS.values(history.map(historyRow)),
  );
  const names = lagsOf(written);
  // Of several findings of one name the last one stands, here too.
  const last = new Map(records.map((found) => [found.candidate.entry.name, found]));
  const heard = [...last].flatMap(([name, found]) => (names.has(name) ? [found] : []));
  const gone = heard.filter(lostItsObject);
  if (gone.length > 0) {
    const goneNames = gone.map(({ candidate }) => candidate.entry.name);
    await markEmptiedAbove(session, pairId, goneNames, 'first-names-first');
  }
  const held = heard.filter(restsOnOthers).map(({ candidate }) => candidate.entry.name);
  if (held.length > 0) await markEmptied(session, pairId, held);
  const ended = heard.filter(endedObject);
  if (ended.length > 0) {
    await markAroundEnded(
      session,
      pairId,
      ended.map(({ candidate }) => candidate.entry.name),
    );
  }
  return names;
}

/** Whether several statements are needed to record it. */
export function reachesFurther(found: ProbeRecord): boolean {
  return lostItsObject(found) || endedObject(found) || restsOnOthers(found);
}

/** Whether it was concluded from objects below the name, which the comparison of the row does not cover. */
function restsOnOthers({ candidate: { entry }, remote }: ProbeRecord): boolean {
  return entry.remoteHasChildren && (remote?.state ?? entry.remote).kind !== 'directory';
}

/** Whether an object with content, which others may have waited for, went away. */
function endedObject({ candidate, remote }: ProbeRecord): boolean {
  const { kind } = candidate.entry.remote;
  if (remote === null || (kind !== 'file' && kind !== 'unhandled')) return false;
  return remote.state.kind === 'absent' || remote.state.kind === 'directory';
}

/** Whether an object below some directory went away, which may have been the last one there. */
function lostItsObject({ candidate, remote }: ProbeRecord): boolean {
  const { entry } = candidate;
  return remote?.state.kind === 'absent' && entry.remote.kind !== 'absent' && entry.name.includes('/');
}

function recordRow({ candidate, local, remote, outcome, problem }: ProbeRecord): RecordRow {
  const { entry } = candidate;
  const after = {
    local: local?.state ?? entry.local,
    remote: remote?.state ?? entry.remote,
    remoteHasChildren: entry.remoteHasChildren,
  };
  const acknowledged = outcome.kind === 'acknowledged' ? outcome : null;
  const decision = outcome.kind === 'decided' ? outcome.decision : null;
  return {
    name: entry.name,
    marking: candidate.marking,
    expected_local: entry.localSerial,
    expected_remote: entry.remoteSerial,
    expected_sync: entry.syncSerial,
    local_serial: local?.serial ?? entry.localSerial,
    ...localColumns(after.local),
    remote_serial: remote?.serial ?? entry.remoteSerial,
    ...remoteColumns(after.remote),
    sync_serial: acknowledged?.serial ?? entry.syncSerial,
    ...syncColumns(acknowledged?.sync ?? entry.sync),
    decision_serial: decision?.serial ?? NO_SERIAL,
    decision_action: decision === null ? null : ACTION[decision.action],
    decision_displaced: decision === null ? null : DISPLACED[decision.displaced],
    decision_turn: decision === null ? null : TURN[turnOf(after, decision)],
    decision_reason: decision?.reason ?? null,
    attempts: decision?.attempts ?? 0,
    later_at: outcome.kind === 'later' ? new Date(outcome.at) : null,
    problem_code: problem?.code ?? null,
    problem_text: problem?.text ?? null,
  };
}
