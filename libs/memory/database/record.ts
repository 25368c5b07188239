/**
 * Records what probes and listings found, by compare-and-set: only where LOCAL, REMOTE and SYNC
 * still are those that were looked at and nothing is pending (invariant 4).
 */
import type { Name } from '#core/name.ts';
import { NO_SERIAL } from '#core/serial.ts';
import { type RemoteState, sameRemoteContent } from '#core/state.ts';
import { turnOf } from '#core/turn.ts';
import type { HistoryEvent, ProbeRecord } from '#ports/archive.ts';
import { type EntryRow, newRow } from './entry-table.ts';
import { addSides, markAroundEnded, markEmptied, markEmptiedAbove, sooner, soonerOf } from './marks.ts';
import { closeProblem, openProblem } from './problems.ts';
import { appendHistory, type PairTables, type Transaction } from './tables.ts';

export function record(
  transaction: Transaction,
  pair: PairTables,
  records: readonly ProbeRecord[],
  history: readonly HistoryEvent[],
): ReadonlySet<Name> {
  const written = new Set<Name>();
  const gone: Name[] = [];
  const held: Name[] = [];
  const ended: Name[] = [];
  for (const found of lastOfEach(records, ({ candidate }) => candidate.entry.name)) {
    const { entry } = found.candidate;
    const row = pair.entries.get(entry.name);
    if (row === undefined || !isAsLookedAt(row, found)) continue;
    pair.entries.put(recorded(row, found, transaction.now));
    recordProblem(transaction, pair, found);
    if (found.outcome.kind === 'acknowledged') pair.generationUsed = true;
    written.add(entry.name);
    const [before, after] = [entry.remote.kind, found.remote?.state.kind ?? entry.remote.kind];
    if (before !== 'absent' && after === 'absent') gone.push(entry.name);
    // Concluded from objects below the name, which may have ended since it was loaded.
    if (entry.remoteHasChildren && after !== 'directory') held.push(entry.name);
    const hadContent = before === 'file' || before === 'unhandled';
    if (hadContent && (after === 'absent' || after === 'directory')) ended.push(entry.name);
  }
  const given = new Set(records.map(({ candidate }) => candidate.entry.name));
  const isTold = (name: Name | null) => name === null || written.has(name) || !given.has(name);
  const told = history.filter(({ name }) => isTold(name));
  appendHistory(transaction, pair, told);
  markEmptiedAbove(transaction, pair, gone);
  markEmptied(transaction, pair, held);
  markAroundEnded(transaction, pair, ended);
  return written;
}

/** Of several items for one name the last one stands. */
export function lastOfEach<Item>(items: readonly Item[], nameOf: (item: Item) => Name): readonly Item[] {
  if (items.length < 2) return items;
  return [...new Map(items.map((item) => [nameOf(item), item])).values()];
}

function isAsLookedAt(row: EntryRow, { candidate: { entry } }: ProbeRecord): boolean {
  return (
    row.decision === null &&
    row.localSerial === entry.localSerial &&
    row.remoteSerial === entry.remoteSerial &&
    row.syncSerial === entry.syncSerial
  );
}

function recorded(row: EntryRow, found: ProbeRecord, now: number): EntryRow {
  const { candidate, outcome } = found;
  const { entry } = candidate;
  const local = found.local?.state ?? entry.local;
  const remote = found.remote?.state ?? entry.remote;
  const acknowledged = outcome.kind === 'acknowledged' ? outcome : null;
  const decision = outcome.kind === 'decided' ? outcome.decision : null;
  const laterAt = outcome.kind === 'later' ? Math.trunc(outcome.at) : null;
  const isUnmarkedSince = row.marking === candidate.marking;
  const { remoteHasChildren } = entry;
  return {
    ...row,
    local,
    localSerial: found.local?.serial ?? entry.localSerial,
    remote,
    remoteSerial: found.remote?.serial ?? entry.remoteSerial,
    sync: acknowledged?.sync ?? entry.sync,
    syncSerial: acknowledged?.serial ?? entry.syncSerial,
    decision,
    turn: decision === null ? null : turnOf({ local, remote, remoteHasChildren }, decision),
    sides: laterAt === null && isUnmarkedSince ? null : row.sides,
    listed: null,
    dueAt: laterAt === null || isUnmarkedSince ? laterAt : soonerOf(laterAt, now),
    updatedAt: now,
    ...wentAway(row, found),
  };
}

/** What a delete is about, as the row still has it; kept while the name stays away. */
function wentAway(row: EntryRow, { candidate, outcome }: ProbeRecord): Pick<EntryRow, 'deletedAt' | 'gone'> {
  const sync = outcome.kind === 'acknowledged' ? outcome.sync : candidate.entry.sync;
  const { deletedAt, gone, local } = row;
  if (outcome.kind !== 'decided') return sync.kind === 'absent' ? { deletedAt, gone } : GONE_NOTHING;
  const { action } = outcome.decision;
  const content = sync.kind === 'file' ? { size: sync.size, hash: sync.hash } : { size: null, hash: null };
  if (action === 'delete-local') {
    return { deletedAt: null, gone: { side: 'remote', ...content, inode: null, mtimeNs: null } };
  }
  if (action !== 'delete-remote') return GONE_NOTHING;
  // Looked at again, the name was away already when the row was recorded.
  const { inode, mtimeNs } = local.kind === 'absent' ? { inode: null, mtimeNs: null, ...gone } : local;
  return { deletedAt: null, gone: { side: 'local', ...content, inode, mtimeNs } };
}

const GONE_NOTHING = { deletedAt: null, gone: null } as const;

function recordProblem(transaction: Transaction, pair: PairTables, found: ProbeRecord): void {
  const { problem, outcome } = found;
  const { name } = found.candidate.entry;
  if (problem === null) {
    closeProblem(pair, name);
  } else {
    const nextAttemptAt = outcome.kind === 'later' ? new Date(outcome.at) : null;
    openProblem(transaction, pair, name, problem, { nextAttemptAt });
  }
}

/** Whether nothing but what listings showed makes it a candidate upstream; any other marking has a number of its own. */
function isOnlyListed({ decision, sides, listed, marking }: EntryRow): boolean {
  return decision !== null && (sides === null || sides === 'local' || listed?.marking === marking);
}

/**
 * What a listing showed, recorded only where nothing at all was known of the REMOTE side: a
 * recorded absence outweighs a listing, which may lag, and a pending decision was made on the
 * state recorded now (invariant 5).
 */
export function recordListed(
  { tables, now }: Transaction,
  { entries }: PairTables,
  objects: readonly { readonly name: Name; readonly state: RemoteState }[],
): void {
  if (objects.length === 0) return;
  const marking = tables.nextSerial();
  for (const { name, state } of lastOfEach(objects, (object) => object.name)) {
    const row = entries.get(name) ?? newRow(name, now);
    if (sameRemoteContent(row.remote, state)) continue;
    const isUnknown = row.remoteSerial === NO_SERIAL && row.remote.kind === 'absent' && row.decision === null;
    const recorded = isUnknown ? { remote: state, remoteSerial: tables.nextSerial(), updatedAt: now } : {};
    const sides = addSides(row.sides, isUnknown ? 'local' : 'remote');
    const listed = isOnlyListed(row) ? { marking, state } : null;
    entries.put({ ...row, ...recorded, sides, marking, listed, dueAt: sooner(row, now) });
  }
}
