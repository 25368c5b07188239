/** Which pairs have work, and how much of it keeps a pair from being quiet. */
import { ancestorsOf } from '#core/name.ts';
import { NO_SERIAL, type Serial } from '#core/serial.ts';
import { TURN, type Turn } from '#core/turn.ts';
import type { PairCounts, Work } from '#ports/archive.ts';
import { waitsForAttempt } from './deletes.ts';
import { clearsTree, isRemoval } from './dispatch.ts';
import { type EntryRow, isCandidate, isDue, isHeld, nextCandidates, waits } from './entry-table.ts';
import type { PairTables, Transaction } from './tables.ts';

/** The candidates that come next tell whether anybody works at all. */
const OLDEST_AMONG = 1_000;
/** A pending decision that failed so often and has an open problem is stuck. */
const STUCK_AFTER = 3;

export function work({ tables, now }: Transaction): readonly Work[] {
  const found: Work[] = [];
  for (const { pair, tables: ofPair } of tables.pairs.values()) {
    if (pair.paused || pair.disabled !== null) continue;
    const rows = ofPair.entries.rows();
    const due = rows.filter((row) => isDue(row, now));
    const first = nextCandidates(rows, now, OLDEST_AMONG);
    const mayGo = due.some((row) => row.decision !== null && !waits(row) && !isHeld(row, now));
    const decisions = mayGo || isGateAsked(ofPair, rows);
    if (first.length === 0 && !decisions) continue;
    const oldestMarking = first.map(({ marking }) => marking).reduce(earlier, first[0]?.marking ?? NO_SERIAL);
    found.push({
      pairId: pair.id,
      volume: pair.volume,
      candidates: first.length > 0,
      decisions,
      oldestMarking,
    });
  }
  return found;
}

/** Deletes that wait are judged again and again until they go or are held; held ones wait for a mark, or for their end. */
function isGateAsked({ heldSince }: PairTables, rows: readonly EntryRow[]): boolean {
  const waiting = rows.filter(waits);
  if (heldSince === null) return waiting.length > 0;
  return waiting.length === 0 || waiting.some(({ sides }) => sides !== null);
}

function earlier(left: Serial, right: Serial): Serial {
  if (left < right) return left;
  return right;
}

export function counts({ entries, problems }: PairTables): PairCounts {
  const rows = entries.rows();
  const files = rows.flatMap(({ sync }) => (sync.kind === 'file' ? [sync] : []));
  const waiting = rows.filter((row) => isCandidate(row) && !waitsForAttempt(problems, row));
  const moving = movingOf(rows, problems);
  return {
    files: files.length,
    directories: rows.filter(({ sync }) => sync.kind === 'directory').length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    candidates: waiting.length,
    decisions: moving.length,
    decisionBytes: moving.reduce((sum, row) => sum + bytesToMove(row), 0),
    problems: problems.size,
    waitingDeletes: rows.filter(waits).length,
  };
}

/**
 * Pending decisions that neither are stuck nor wait for one that is: creations below one that leads, and whatever waits
 * for its contents above any. A delete that waits to be let go is stuck, and counted apart.
 */
function movingOf(rows: readonly EntryRow[], problems: PairTables['problems']): readonly EntryRow[] {
  const pending = rows.filter(({ decision }) => decision !== null);
  const stuck = pending.filter(
    (row) => waits(row) || ((row.decision?.attempts ?? 0) >= STUCK_AFTER && problems.has(row.name)),
  );
  if (stuck.length === 0) return pending;
  const stuckNames = new Set(stuck.map(({ name }) => name));
  const aboveStuck = new Set(stuck.flatMap(({ name }) => ancestorsOf(name)));
  const leading = new Set(stuck.filter(({ turn }) => leads(turn)).map(({ name }) => name));
  return pending.filter((row) => {
    if (stuckNames.has(row.name)) return false;
    if (clearsTree(row) && aboveStuck.has(row.name)) return false;
    return isRemoval(row) || !ancestorsOf(row.name).some((name) => leading.has(name));
  });
}

function leads(turn: Turn | null): boolean {
  return turn !== null && TURN[turn] <= TURN.leads;
}

function bytesToMove({ decision, local, remote }: EntryRow): number {
  if (decision?.action === 'upload') return local.kind === 'file' ? local.size : 0;
  if (decision?.action === 'download') return remote.kind === 'file' ? remote.size : 0;
  return 0;
}

/** Whether REMOTE remembers anything here that a delete of what was synced would leave upstream. */
export function isUpstreamNews({ remote, sync }: EntryRow): boolean {
  if (remote.kind === 'absent') return false;
  if (remote.kind !== 'file' || sync.kind !== 'file') return remote.kind !== sync.kind;
  return remote.size !== sync.size || remote.hash !== sync.hash;
}
