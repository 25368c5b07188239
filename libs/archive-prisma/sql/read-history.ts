/** Reads history: the causal chain of a name, and progress. */
import type { Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import type { RecordedHistoryEvent } from '#ports/archive.ts';
import { HISTORY_KIND, SIDE, wordOf } from '../codes.ts';
import type { Session } from '../connection.ts';
import type { HistoryRow } from './append-history.ts';

const latest = (which: string, limit: string): string => `
SELECT * FROM (
  SELECT id, at, name, kind, side, serial, text FROM history
  WHERE pair_id = $1::int AND ${which} ORDER BY id DESC LIMIT ${limit}
) newest ORDER BY id`;

const HISTORY_OF_PAIR = latest('name IS NULL', '$2::int');
const HISTORY_OF_NAME = latest('name = $2::text', '$3::int');

export type EventRow = HistoryRow & { readonly id: bigint; readonly at: Date };

export async function history(
  session: Session,
  pairId: number,
  name: Name | null,
  limit: number,
): Promise<readonly RecordedHistoryEvent[]> {
  const rows =
    name === null
      ? await session.query<EventRow>(HISTORY_OF_PAIR, pairId, limit)
      : await session.query<EventRow>(HISTORY_OF_NAME, pairId, name, limit);
  return rows.map(toEvent);
}

export function toEvent(row: EventRow): RecordedHistoryEvent {
  return {
    id: row.id,
    at: row.at,
    name: row.name as Name | null,
    kind: wordOf(HISTORY_KIND, row.kind),
    side: row.side === null ? null : wordOf(SIDE, row.side),
    serial: row.serial as Serial | null,
    text: row.text,
  };
}

const TRANSFERRED = `
SELECT count(*) AS files, coalesce(sum(bytes), 0)::bigint AS bytes FROM history
WHERE pair_id = $1::int AND at >= $2::timestamptz AND bytes IS NOT NULL`;

export async function transferred(
  session: Session,
  pairId: number,
  since: Date,
): Promise<{ readonly files: number; readonly bytes: number }> {
  type Row = { readonly files: bigint; readonly bytes: bigint };
  const [row] = await session.query<Row>(TRANSFERRED, pairId, since);
  return { files: Number(row?.files), bytes: Number(row?.bytes) };
}
