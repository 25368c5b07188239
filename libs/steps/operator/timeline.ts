/** Timeline: what was done in a pair, a page at a time, for the console and for `holdfast history`. */
import { nameFault, toName } from '#core/name.ts';
import { mayGoOn, type TimelineLine, timelineOf } from '#core/timeline.ts';
import type { RecordedHistoryEvent } from '#ports/archive.ts';
import type { EventRow, HistoryRequest, PageRequest, PageView } from '#ports/desk.ts';
import { HoldfastError } from '#ports/errors.ts';
import { historyView } from './insight.ts';
import { findPair, type OverviewDeps } from './pairs.ts';

/** A renamed directory has two events a file; of one with more than fit the rest is told again, as its own line. */
const READ_AT_ONCE = 5_000;
const MOST_READ = 60_000;

/** See `Desk.history`. @throws HoldfastError not-found; usage for what cannot be a path, or a page */
export async function readHistory(
  { registry, overview }: Pick<OverviewDeps, 'registry' | 'overview'>,
  pairName: string,
  { path, from, limit }: HistoryRequest,
): Promise<PageView<EventRow>> {
  const pair = await findPair(registry, pairName);
  const before = eventBefore(from);
  if (path !== null) {
    const { items, hasMore } = await overview.pageHistory(pair.id, {
      name: knownName(path),
      which: 'all',
      before,
      limit,
    });
    return pageOf(items.map(alone), hasMore ? (items.at(-1)?.id ?? null) : null);
  }
  const events: RecordedHistoryEvent[] = [];
  for (let atOnce = limit; ; atOnce = READ_AT_ONCE) {
    const next = {
      name: null,
      which: 'outcomes',
      before: events.at(-1)?.id ?? before,
      limit: atOnce,
    } as const;
    const page = await overview.pageHistory(pair.id, next);
    events.push(...page.items);
    const last = events.at(-1);
    if (last === undefined || !page.hasMore) return firstOf(timelineOf(events), limit, null);
    const isFull = events.length >= MOST_READ;
    // The rest of a rename may follow.
    if (mayGoOn(last) && !isFull) continue;
    const lines = timelineOf(events);
    if (lines.length >= limit || isFull) return firstOf(lines, limit, last.id);
  }
}

/** @param next where the page after goes on that follows all of these lines; null when there is none. */
function firstOf(
  lines: readonly TimelineLine<RecordedHistoryEvent>[],
  limit: number,
  next: bigint | null,
): PageView<EventRow> {
  const hidden = lines[limit];
  return pageOf(lines.slice(0, limit), hidden === undefined ? next : hidden.newest.id + 1n);
}

function pageOf(
  lines: readonly TimelineLine<RecordedHistoryEvent>[],
  next: bigint | null,
): PageView<EventRow> {
  const items = lines.map(({ newest, name, text, files }) => ({
    id: newest.id.toString(),
    ...historyView(newest),
    name,
    text,
    files,
  }));
  return { items, next: next?.toString() ?? null };
}

const alone = (event: RecordedHistoryEvent): TimelineLine<RecordedHistoryEvent> => {
  return { newest: event, name: event.name, text: event.text, files: 1 };
};

/** @throws HoldfastError usage when it is no number of an earlier page. */
export function eventBefore(from: PageRequest['from']): bigint | null {
  if (from === null) return null;
  if (/^\d{1,18}$/.test(from)) return BigInt(from);
  throw new HoldfastError('usage', 'ask with the "next" of the page before, or without any');
}

function knownName(path: string) {
  if (nameFault(path) === null) return toName(path);
  throw new HoldfastError('usage', `"${path}" cannot be a name in a pair; give a path below its folder`);
}
