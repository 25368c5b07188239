/** Appends history events in the given order. */
import type { HistoryEvent } from '#ports/archive.ts';
import { bulk } from '../bulk.ts';
import { HISTORY_KIND, SIDE } from '../codes.ts';
import type { Session } from '../connection.ts';

export interface HistoryRow {
  readonly name: string | null;
  readonly kind: number;
  readonly side: number | null;
  readonly serial: bigint | null;
  readonly text: string;
}

export const EVENTS = bulk<HistoryRow>({
  name: 'text',
  kind: 'smallint',
  side: 'smallint',
  serial: 'bigint',
  text: 'text',
});

export function historyRow(event: HistoryEvent): HistoryRow {
  return {
    name: event.name,
    kind: HISTORY_KIND[event.kind],
    side: event.side === null ? null : SIDE[event.side],
    serial: event.serial,
    text: event.text,
  };
}

const APPEND = `
INSERT INTO history (pair_id, name, kind, side, serial, text)
SELECT $1::int, name, kind, side, serial, text FROM ${EVENTS.source('given', 2)}
WHERE EXISTS (SELECT FROM pair WHERE id = $1::int)`;

export async function appendHistory(
  session: Session,
  pairId: number,
  events: readonly HistoryEvent[],
): Promise<void> {
  if (events.length === 0) return;
  await session.execute(APPEND, pairId, ...EVENTS.values(events.map(historyRow)));
}
