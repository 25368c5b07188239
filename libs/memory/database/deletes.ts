/** The delete gate: deletes wait, are counted, and go or are held together (invariant 7). */
import type { DeleteCounts, RenameCounts, UnansweredHold, WaitingAges } from '#core/delete-hold.ts';
import type { Side } from '#core/entry.ts';
import { ancestorsOf } from '#core/name.ts';
import { NO_SERIAL } from '#core/serial.ts';
import { ABSENT } from '#core/state.ts';
import type { CountTerms, HeldDelete, WaitingDeletes } from '#ports/delete-gate.ts';
import {
  type EntryRow,
  type EntryTable,
  isCandidate,
  isDelete,
  isDue,
  isHeld,
  NOT_PENDING,
  waits,
} from './entry-table.ts';
import { appendHistory, type PairTables, type Tables, type Transaction } from './tables.ts';

const FORGOTTEN = { ...NOT_PENDING, sides: 'both', dueAt: null } as const;

export function lookAgainAtDeletes(transaction: Transaction, pair: PairTables): number {
  const marked = waitingRows(pair).filter(({ sides }) => sides !== null);
  const text = 'not carried out: something happened to the name while its delete waited';
  for (const row of marked) {
    const serial = row.decision?.serial ?? NO_SERIAL;
    appendHistory(transaction, pair, [{ name: row.name, kind: 'stale', side: null, serial, text }]);
    pair.entries.put({ ...row, ...FORGOTTEN, updatedAt: transaction.now });
  }
  return marked.length;
}

export function waitingDeletes({ now }: Transaction, pair: PairTables): WaitingDeletes {
  const rows = waitingRows(pair);
  return { heldSince: pair.heldSince, local: ages(rows, 'local', now), remote: ages(rows, 'remote', now) };
}

function ages(rows: readonly EntryRow[], side: Side, now: number): WaitingAges | null {
  const times = rows.flatMap(({ gone, updatedAt }) => (gone?.side === side ? [updatedAt] : []));
  if (times.length === 0) return null;
  return { youngestMs: now - Math.max(...times), oldestMs: now - Math.min(...times) };
}

export function countDeletes(
  { now }: Transaction,
  { entries, problems }: PairTables,
  { windowMs, names }: CountTerms,
): DeleteCounts {
  const rows = entries.rows();
  const waiting = rows.filter(waits);
  const isDeleted = ({ deletedAt }: EntryRow) => deletedAt !== null && deletedAt > now - windowMs;
  const deleted = rows.filter(isDeleted).length;
  const isDueSuspect = (row: EntryRow) => isSuspect(row) && isDue(row, now);
  const suspects = rows.filter(isDueSuspect).length;
  const last = waiting.reduce((serial, { decision }) => {
    return decision !== null && decision.serial > serial ? decision.serial : serial;
  }, NO_SERIAL);
  return {
    waiting: waiting.length,
    deleted,
    suspects,
    names:
      waiting.length + deleted + suspects < names
        ? 0
        : rows.filter((row) => row.sync.kind !== 'absent' || isDeleted(row)).length,
    isEmptied: rows.every((row) => row.sync.kind === 'absent' || waits(row) || isDueSuspect(row)),
    isUndecided: rows.some(
      (row) => isCandidate(row) && row.marking < last && !waitsForAttempt(problems, row),
    ),
  };
}

/** A name that was synced and is not looked at yet. */
function isSuspect(row: EntryRow): boolean {
  return isCandidate(row) && row.sync.kind !== 'absent';
}

/** Whether its probe failed and it only waits for its problem's next attempt. */
export function waitsForAttempt(problems: PairTables['problems'], { name, dueAt }: EntryRow): boolean {
  return dueAt !== null && problems.get(name)?.nextAttemptAt?.getTime() === dueAt;
}

export function countRenames({ now }: Transaction, { entries }: PairTables, windowMs: number): RenameCounts {
  const rows = entries.rows();
  const gone = rows.filter((row) => waits(row) || (row.deletedAt !== null && row.deletedAt > now - windowMs));
  const fresh = rows.filter((row) => row.updatedAt > now - windowMs && !isDelete(row));
  const found = new Tally();
  const unread = new Tally();
  const moved = new Map(
    gone.flatMap(({ gone: was }) => (was?.hash == null ? [] : [[moveOf(was), was.hash]])),
  );
  for (const row of fresh) {
    const { local, remote, decision } = row;
    if (remote.kind === 'file') found.add(contentOf('remote', remote));
    if (local.kind !== 'file') continue;
    const hash = local.hash ?? moved.get(moveOf(local)) ?? null;
    if (hash !== null) found.add(contentOf('local', { size: local.size, hash }));
    else if (decision?.action === 'upload' && decision.attempts === 0 && !waitsBelow(entries, row)) {
      unread.add(String(local.size));
    }
  }
  const inodes = new Set(fresh.flatMap(({ local }) => (local.kind === 'directory' ? [local.inode] : [])));
  const holdsRename = new Set<string>();
  let certain = 0;
  let possible = 0;
  for (const { name, gone: was } of gone) {
    if (was === null || was.size === null) continue;
    const content = contentOf(was.side, { size: was.size, hash: was.hash });
    if (found.has(content)) for (const above of ancestorsOf(name)) holdsRename.add(above);
    if (found.take(content)) certain += 1;
    else if (was.side === 'local' && unread.take(String(was.size))) possible += 1;
  }
  const directories = gone.filter(({ name, gone: was }) => {
    if (was === null || was.size !== null) return false;
    return holdsRename.has(name) || (was.inode !== null && inodes.has(was.inode));
  });
  return { certain: certain + directories.length, possible };
}

/** It is read only when these very deletes are gone: they must not wait for that. */
function waitsBelow(entries: EntryTable, { name, turn }: EntryRow): boolean {
  return turn === 'replaces-tree' && entries.below(name).some(({ decision }) => decision !== null);
}

function contentOf(
  side: Side,
  { size, hash }: { readonly size: number; readonly hash: string | null },
): string {
  return `${side} ${size} ${hash}`;
}

/** A move keeps inode, size and time; an inode alone is soon used again. */
function moveOf(file: {
  readonly inode: bigint | null;
  readonly size: number | null;
  readonly mtimeNs: bigint | null;
}): string {
  return `${file.inode} ${file.size} ${file.mtimeNs}`;
}

/** How many of each there were, and how many are left to be taken. */
class Tally {
  readonly #left = new Map<string, number>();

  add(key: string): void {
    this.#left.set(key, (this.#left.get(key) ?? 0) + 1);
  }

  has(key: string): boolean {
    return this.#left.has(key);
  }

  take(key: string): boolean {
    const left = this.#left.get(key) ?? 0;
    if (left > 0) this.#left.set(key, left - 1);
    return left > 0;
  }
}

export function letDeletesGo({ now }: Transaction, pair: PairTables, counted: number): boolean {
  const waiting = waitingRows(pair);
  if (pair.heldSince !== null || waiting.length !== counted || counted === 0) return false;
  for (const row of waiting) pair.entries.put({ ...row, isCleared: true, deletedAt: now });
  return true;
}

export function holdDeletes(transaction: Transaction, pair: PairTables): boolean {
  if (pair.heldSince !== null) return false;
  pair.heldSince = transaction.now;
  takeBack(transaction, pair.entries);
  return true;
}

export function endHold(pair: PairTables): boolean {
  const { entries, problems } = pair;
  const isLeft = (row: EntryRow) => waits(row) || (isSuspect(row) && !waitsForAttempt(problems, row));
  if (pair.heldSince === null || entries.rows().some(isLeft)) return false;
  pair.heldSince = null;
  return true;
}

export function unansweredHolds({ pairs }: Tables): readonly UnansweredHold[] {
  return [...pairs.values()].flatMap(({ pair, tables: { heldSince } }) =>
    heldSince === null ? [] : [{ pairId: pair.id, since: heldSince }],
  );
}

export function takeBackDeletes(transaction: Transaction): void {
  for (const { tables } of transaction.tables.pairs.values()) takeBack(transaction, tables.entries);
}

/** What no worker has claimed; approved deletes carry no time. */
function takeBack({ now }: Transaction, entries: EntryTable): void {
  for (const row of entries.rows()) {
    const isClaimed = row.heldBy !== null && isHeld(row, now);
    if (!row.isCleared || row.deletedAt === null || isClaimed) continue;
    entries.put({ ...row, isCleared: false, deletedAt: null, heldUntil: null, heldBy: null });
  }
}

export function pageHeldDeletes(
  pair: PairTables,
  after: string | null,
  limit: number,
): readonly HeldDelete[] {
  return pair.entries
    .after(after ?? '')
    .filter(waits)
    .slice(0, limit)
    .map(({ name, sync, gone, updatedAt }) => ({
      name,
      side: gone?.side ?? 'local',
      size: sync.kind === 'file' ? sync.size : null,
      decidedAt: new Date(updatedAt),
    }));
}

export function approveDeletes(transaction: Transaction, pair: PairTables): number {
  return answer(transaction, pair, 'the delete was approved', (row) => ({ ...row, isCleared: true }));
}

export function revertDeletes(transaction: Transaction, pair: PairTables): number {
  const marking = transaction.tables.nextSerial();
  const text = 'the delete was reverted: the name is looked at as if it had never been synced';
  return answer(transaction, pair, text, (row) => ({
    ...row,
    ...FORGOTTEN,
    sync: ABSENT,
    syncSerial: NO_SERIAL,
    marking,
    updatedAt: transaction.now,
  }));
}

function answer(
  transaction: Transaction,
  pair: PairTables,
  text: string,
  answered: (row: EntryRow) => EntryRow,
): number {
  pair.heldSince = null;
  const waiting = waitingRows(pair);
  for (const row of waiting) {
    const { name, gone, decision } = row;
    const serial = decision?.serial ?? null;
    appendHistory(transaction, pair, [{ name, kind: 'operator', side: gone?.side ?? null, serial, text }]);
    pair.entries.put(answered(row));
  }
  for (const row of pair.entries.rows()) {
    if (row.deletedAt !== null) pair.entries.put({ ...row, deletedAt: null });
  }
  return waiting.length;
}

function waitingRows({ entries }: PairTables): readonly EntryRow[] {
  return entries.rows().filter(waits);
}
