/** Views: domain values as the plain JSON that operators see. Pure. */
import type { Action, Decision } from '#core/decide.ts';
import type { PairCounts } from '#ports/archive.ts';
import type { PairCondition, PairView, StoreView } from '#ports/operator.ts';
import type { Pair, StoreRecord } from '#ports/pair.ts';

export function storeView(store: StoreRecord): StoreView {
  const { name, kind, url, secret, options } = store;
  return { name, kind, url, secret: `${secret.from}:${secret.at}`, options };
}

/** What is to be done: deletes that wait for an operator are not. */
export function workOf(
  { candidates, decisions, waitingDeletes }: PairCounts,
  held: object | null,
): Pick<PairCounts, 'candidates' | 'decisions'> {
  return { candidates, decisions: held === null ? decisions + waitingDeletes : decisions };
}

/** @param held why deletes of the pair wait for an operator; null while they do not. */
export function conditionOf(pair: Pair, counts: PairCounts, held: object | null): PairCondition {
  if (pair.disabled !== null) return 'disabled';
  if (pair.paused) return 'paused';
  if (pair.scanDone === 0n || pair.pollDone === 0n) return 'starting';
  if (!isQuiet(pair, counts, held)) return 'syncing';
  return held !== null && counts.waitingDeletes > 0 ? 'deletes-held' : 'in-sync';
}

/** Nothing is wanted and nothing is to be done; problems, paused work and held deletes do not count. */
export function isQuiet(pair: Pair, counts: PairCounts, held: object | null): boolean {
  const looked = pair.scanDone >= pair.scanWanted && pair.pollDone >= pair.pollWanted;
  const { candidates, decisions } = workOf(counts, held);
  return looked && candidates === 0 && decisions === 0;
}

export function pairView(pair: Pair, condition: PairCondition, all: readonly Pair[]): PairView {
  return {
    name: pair.name,
    condition,
    folder: pair.folder,
    volume: pair.volume,
    store: pair.store.name,
    container: pair.container,
    policies: {
      conflict: pair.policies.conflict,
      'delete-vs-edit': pair.policies.deleteVsEdit,
      direction: pair.policies.direction,
    },
    excludes: pair.excludes,
    retention: pair.retention,
    disabled:
      pair.disabled === null
        ? null
        : { code: pair.disabled.code, reason: pair.disabled.reason, at: pair.disabled.at.toISOString() },
    notes: notesOn(pair, all),
  };
}

function notesOn(pair: Pair, all: readonly Pair[]): string[] {
  const notes: string[] = [];
  if (pair.union !== null) {
    notes.push(
      `${pair.union.reason}; since ${pair.union.at.toISOString()} both sides are united: nothing is deleted, and what differed is kept beside as a conflict copy (to see them: holdfast conflicts ${pair.name}; to take this note away: holdfast pair resume ${pair.name})`,
    );
  }
  const sharing = all.filter(
    (other) =>
      other.id !== pair.id && other.container === pair.container && other.store.url === pair.store.url,
  );
  if (sharing.length > 0) {
    const names = sharing.map((other) => `"${other.name}"`).join(', ');
    notes.push(`container "${pair.container}" is also synced by ${names}: what one changes, the others get`);
  }
  if (pair.capabilities?.unprotectedWindow === true) {
    notes.push(
      'unprotected window: this store neither honours preconditions nor keeps versions, so a simultaneous change upstream can be overwritten',
    );
  }
  if (pair.folderFacts?.hardLinks === false) {
    notes.push('this file system has no hard links: a reader may see a new file while it is being written');
  }
  return notes;
}

/** The verb an operator reads for a decision. */
export function actionOf(decision: Decision): Action | 'conflict' | 'acknowledge' | 'problem' | null {
  if (decision.kind === 'none') return decision.standstill === null ? null : 'problem';
  if (decision.kind === 'acknowledge') return 'acknowledge';
  return decision.displaced === 'conflict-copy' ? 'conflict' : decision.action;
}
