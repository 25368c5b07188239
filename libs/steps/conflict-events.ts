/** Conflict events: what history tells of content that was kept under a conflict name, under both names. */
import type { Side } from '#core/entry.ts';
import type { Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import type { HistoryEvent } from '#ports/archive.ts';

/** The name of the copy that a conflict event tells of; null for any other event. */
export function copyOf({ kind, text }: Pick<HistoryEvent, 'kind' | 'text'>): Name | null {
  const quote = text.indexOf('"');
  return kind === 'conflict' && quote >= 0 ? (text.slice(quote + 1, -1) as Name) : null;
}

/** @param why sentence about `name` that `copy` ends. */
export function conflictEvents(
  name: Name,
  copy: Name,
  side: Side,
  serial: Serial,
  why: string,
): readonly HistoryEvent[] {
  return [
    { name, kind: 'conflict', side, serial, text: `${why} "${copy}"` },
    { name: copy, kind: 'observed', side, serial, text: `made as the conflict copy of "${name}"` },
  ];
}
