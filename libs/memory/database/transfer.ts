/**
 * Claims, acknowledges and releases pending decisions by compare-and-set on their serial
 * (invariant 4). Side effects are recorded even when that is lost: they happened.
 */
import { describeAcknowledged, movesFile } from '#core/describe-acknowledged.ts';
import type { Entry } from '#core/entry.ts';
import type { Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import { sameRemoteContent } from '#core/state.ts';
import type { Acknowledgement, Release, SideEffects } from '#ports/archive.ts';
import { type EntryRow, type EntryTable, isHeld, NOT_PENDING, waits } from './entry-table.ts';
import { mark, markAroundEnded, markEmptied, markEmptiedAbove } from './marks.ts';
import { closeProblem, openProblem } from './problems.ts';
import { lastOfEach } from './record.ts';
import { appendHistory, type PairTables, type Transaction } from './tables.ts';
import { addPointers } from './trash.ts';

/** Attempts are counted up to here. */
const MAX_ATTEMPTS = 32_767;

export interface Claimant {
  readonly holder: string;
  readonly holdMs: number;
}

interface PendingItem {
  readonly name: Name;
  readonly serial: Serial;
}

function pendingRow(entries: EntryTable, { name, serial }: PendingItem): EntryRow | null {
  const row = entries.get(name);
  return row?.decision?.serial === serial ? row : null;
}

/** @returns the entries claimed, in the order of the items. */
export function claim(
  { now }: Transaction,
  { entries }: PairTables,
  items: readonly PendingItem[],
  { holder, holdMs }: Claimant,
): readonly Entry[] {
  return lastOfEach(items, ({ name }) => name).flatMap((item) => {
    const row = pendingRow(entries, item);
    if (row === null || waits(row) || (row.heldBy !== null && row.heldBy !== holder && isHeld(row, now)))
      return [];
    entries.put({ ...row, heldBy: holder, heldUntil: now + holdMs });
    return [entries.entry(row)];
  });
}

/** Ends the holds of what no worker claimed. */
export function forgetDispatched({ entries }: PairTables): void {
  for (const row of entries.rows()) {
    if (row.heldUntil !== null && row.heldBy === null) entries.put({ ...row, heldUntil: null });
  }
}

/** @returns the names acknowledged; the others are no longer pending under that serial. */
export function acknowledge(
  transaction: Transaction,
  pair: PairTables,
  acknowledgements: readonly Acknowledgement[],
  effects: SideEffects,
): ReadonlySet<Name> {
  const heard = lastOfEach(acknowledgements, ({ name }) => name).filter((given) =>
    acknowledgeOne(transaction, pair, given),
  );
  addEffects(transaction, pair, effects);
  const gone = heard.filter(({ target }) => target.side === 'remote' && target.state.kind === 'absent');
  const ended = heard.filter(({ target }) => target.side === 'remote' && isWithoutContent(target.state.kind));
  // Of a directory here that only objects upstream imply, the last may have ended while it was made.
  const made = heard.filter(({ target, sync }) => target.side === 'local' && sync.kind === 'directory');
  markEmptiedAbove(transaction, pair, namesOf(gone));
  markEmptied(transaction, pair, namesOf(made));
  markAroundEnded(transaction, pair, namesOf(ended));
  return new Set(namesOf(heard));
}

function namesOf(items: readonly { readonly name: Name }[]): readonly Name[] {
  return items.map(({ name }) => name);
}

function isWithoutContent(kind: string): boolean {
  return kind === 'absent' || kind === 'directory';
}

function acknowledgeOne(transaction: Transaction, pair: PairTables, given: Acknowledgement): boolean {
  const { name, serial, action, displaced, target, sync } = given;
  const row = pendingRow(pair.entries, given);
  if (row?.decision?.action !== action || row.decision.displaced !== displaced) return false;
  const taken =
    target.side === 'local'
      ? { local: target.state, localSerial: serial }
      : { local: hashedLocal(row, given), remote: target.state, remoteSerial: serial };
  const updatedAt = transaction.now;
  const sides = wasShown(row, given) ? withoutRemote(row.sides) : row.sides;
  const after = { ...taken, sync, syncSerial: serial, ...NOT_PENDING, sides, listed: null, dueAt: null };
  pair.entries.put({ ...row, ...after, updatedAt });
  pair.generationUsed = true;
  closeProblem(pair, name);
  const text = describeAcknowledged({ ...given, target: target.state });
  const bytes = movesFile(given) ? given.bytes : null;
  appendHistory(transaction, pair, [{ name, kind: 'acknowledged', side: target.side, serial, text, bytes }]);
  return true;
}

/** Whether a listing showed, while the decision was pending, what the decision made. */
function wasShown({ listed, marking }: EntryRow, { target }: Acknowledgement): boolean {
  return (
    target.side === 'remote' && listed?.marking === marking && sameRemoteContent(listed.state, target.state)
  );
}

function withoutRemote(sides: EntryRow['sides']): EntryRow['sides'] {
  return sides === 'remote' ? null : 'local';
}

/** An upload may have learnt the digest of the file here. */
function hashedLocal({ local }: EntryRow, { action, hash }: Acknowledgement): EntryRow['local'] {
  return local.kind === 'file' && action === 'upload' ? { ...local, hash: hash ?? local.hash } : local;
}

/** @returns the names released; the others are no longer pending under that serial. */
export function release(
  transaction: Transaction,
  pair: PairTables,
  releases: readonly Release[],
  effects: SideEffects,
): ReadonlySet<Name> {
  const marking = transaction.tables.nextSerial();
  const heard = lastOfEach(releases, ({ name }) => name).filter((given) =>
    releaseOne(transaction, pair, given, marking),
  );
  addEffects(transaction, pair, effects);
  return new Set(namesOf(heard));
}

function releaseOne(transaction: Transaction, pair: PairTables, given: Release, marking: Serial): boolean {
  const { name, outcome } = given;
  const row = pendingRow(pair.entries, given);
  if (row === null || row.decision === null) return false;
  const released = { ...row, ...NOT_PENDING, dueAt: null, updatedAt: transaction.now };
  if (outcome.kind === 'stale') {
    pair.entries.put({ ...released, sides: 'both', marking });
    return true;
  }
  const isCounted = outcome.kind === 'refused' || outcome.counts;
  const attempts = Math.min(row.decision.attempts + (isCounted ? 1 : 0), MAX_ATTEMPTS);
  const retryAt = outcome.kind === 'retry' ? Math.trunc(outcome.at) : null;
  if (retryAt === null) {
    pair.entries.put(released);
  } else {
    const decision = { ...row.decision, attempts };
    pair.entries.put({ ...released, decision, turn: row.turn, isCleared: row.isCleared, dueAt: retryAt });
  }
  if (outcome.problem !== null) {
    const nextAttemptAt = retryAt === null ? null : new Date(retryAt);
    openProblem(transaction, pair, name, outcome.problem, { attempts, nextAttemptAt });
  }
  return true;
}

function addEffects(transaction: Transaction, pair: PairTables, effects: SideEffects): void {
  addPointers(transaction, pair, effects.recovery);
  appendHistory(transaction, pair, effects.history);
  mark(transaction, pair, effects.candidates);
}
