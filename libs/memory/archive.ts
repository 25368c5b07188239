/**
 * Memory archive: the port over tables in this process. Each call is one step and one
 * transaction, so it is done as a whole or not at all, whatever becomes of its caller.
 */
import type { Archive, RecordedHistoryEvent } from '#ports/archive.ts';
import {
  approveDeletes,
  countDeletes,
  countRenames,
  endHold,
  holdDeletes,
  letDeletesGo,
  lookAgainAtDeletes,
  pageHeldDeletes,
  revertDeletes,
  takeBackDeletes,
  unansweredHolds,
  waitingDeletes,
} from './database/deletes.ts';
import { dispatch } from './database/dispatch.ts';
import { changesHere, type EntryRow, isCandidate, isHeld, nextCandidates } from './database/entry-table.ts';
import { mark, markBelow, markProblems } from './database/marks.ts';
import { movedHere, movedUpstream } from './database/moved.ts';
import { closeUnseen, openProblem, problems } from './database/problems.ts';
import { record, recordListed } from './database/record.ts';
import {
  appendHistory,
  type HistoryRow,
  type PairTables,
  type Transact,
  type Transaction,
} from './database/tables.ts';
import { acknowledge, claim, forgetDispatched, release } from './database/transfer.ts';
import { dueTrash, pageTrash, recordedTrash, settleTrash, trash } from './database/trash.ts';
import { counts, isUpstreamNews, work } from './database/work.ts';

export function createMemoryArchive(transact: Transact): Archive {
  /** A step about some names of one pair, or about the whole pair. */
  const inPair = <Result>(
    verb: string,
    pairId: number,
    names: readonly string[],
    effect: (pair: PairTables, transaction: Transaction) => Result,
  ): Promise<Result> =>
    transact(verb, `pair ${pairId}: ${names.join(', ')}`, (transaction) =>
      effect(transaction.tables.of(pairId), transaction),
    );
  return {
    pageLocal: (pairId, after, limit) =>
      inPair('pageLocal', pairId, [], ({ entries }) =>
        entries
          .after(after ?? '')
          .filter(({ local }) => local.kind !== 'absent')
          .slice(0, limit)
          .map(({ name, local }) => ({ name, state: local })),
      ),
    pageRemote: (pairId, after, limit) =>
      inPair('pageRemote', pairId, [], ({ entries }) =>
        entries
          .after(after ?? '')
          .filter(({ remote }) => remote.kind !== 'absent')
          .slice(0, limit)
          .map(({ name, remote }) => ({ name, state: remote })),
      ),
    load: (pairId, names) =>
      inPair('load', pairId, names, ({ entries }) => names.map((name) => entries.entryOf(name))),

    mark: (pairId, side, names) =>
      inPair('mark', pairId, names, (pair, transaction) => {
        const marks = names.map((name) => ({ name, side }));
        mark(transaction, pair, marks);
      }),
    markBelow: (pairId, side, name) =>
      inPair('markBelow', pairId, [name], (pair, transaction) => markBelow(transaction, pair, side, name)),
    markProblems: (pairId, exceptCodes) =>
      inPair('markProblems', pairId, [], (pair, transaction) => markProblems(transaction, pair, exceptCodes)),
    recordListed: (pairId, objects) =>
      inPair('recordListed', pairId, namesOf(objects), (pair, transaction) =>
        recordListed(transaction, pair, objects),
      ),

    candidates: (pairId, limit) =>
      inPair('candidates', pairId, [], ({ entries }, { now }) =>
        nextCandidates(entries.rows(), now, limit).flatMap((row) => {
          const { sides, marking } = row;
          return sides === null ? [] : [{ entry: entries.entry(row), sides, marking }];
        }),
      ),
    issueSerials: (count) =>
      transact('issueSerials', `${count}`, ({ tables }) =>
        Array.from({ length: count }, () => tables.nextSerial()),
      ),
    record: (pairId, records, events) =>
      inPair(
        'record',
        pairId,
        namesOf(records.map(({ candidate }) => candidate.entry)),
        (pair, transaction) => record(transaction, pair, records, events),
      ),

    dispatch: (pairId, window, holdMs) =>
      inPair('dispatch', pairId, [], (pair, transaction) => dispatch(transaction, pair, window, holdMs)),
    claim: (pairId, items, holder, holdMs) =>
      inPair('claim', pairId, namesOf(items), (pair, transaction) =>
        claim(transaction, pair, items, { holder, holdMs }),
      ),
    beingChangedHere: (pairId, names) =>
      inPair('beingChangedHere', pairId, names, ({ entries }, { now }) => {
        const isChanging = (row: EntryRow | undefined): boolean =>
          row !== undefined && row.heldBy !== null && isHeld(row, now) && changesHere(row);
        return new Set(names.filter((name) => isChanging(entries.get(name))));
      }),
    movedHere: (pairId, names) => inPair('movedHere', pairId, names, (pair) => movedHere(pair, names)),
    movedUpstream: (pairId, names) =>
      inPair('movedUpstream', pairId, names, (pair) => movedUpstream(pair, names)),
    acknowledge: (pairId, acknowledgements, effects) =>
      inPair('acknowledge', pairId, namesOf(acknowledgements), (pair, transaction) =>
        acknowledge(transaction, pair, acknowledgements, effects),
      ),
    release: (pairId, releases, effects) =>
      inPair('release', pairId, namesOf(releases), (pair, transaction) =>
        release(transaction, pair, releases, effects),
      ),
    lookAgainAtDeletes: (pairId) =>
      inPair('lookAgainAtDeletes', pairId, [], (pair, transaction) => lookAgainAtDeletes(transaction, pair)),
    waitingDeletes: (pairId) =>
      inPair('waitingDeletes', pairId, [], (pair, transaction) => waitingDeletes(transaction, pair)),
    countDeletes: (pairId, terms) =>
      inPair('countDeletes', pairId, [], (pair, transaction) => countDeletes(transaction, pair, terms)),
    countRenames: (pairId, windowMs) =>
      inPair('countRenames', pairId, [], (pair, transaction) => countRenames(transaction, pair, windowMs)),
    letDeletesGo: (pairId, counted) =>
      inPair('letDeletesGo', pairId, [], (pair, transaction) => letDeletesGo(transaction, pair, counted)),
    holdDeletes: (pairId) =>
      inPair('holdDeletes', pairId, [], (pair, transaction) => holdDeletes(transaction, pair)),
    endHold: (pairId) => inPair('endHold', pairId, [], endHold),
    unansweredHolds: () => transact('unansweredHolds', 'all pairs', ({ tables }) => unansweredHolds(tables)),
    takeBackDeletes: () => transact('takeBackDeletes', 'all pairs', takeBackDeletes),
    pageHeldDeletes: (pairId, after, limit) =>
      inPair('pageHeldDeletes', pairId, [], (pair) => pageHeldDeletes(pair, after, limit)),
    approveDeletes: (pairId) =>
      inPair('approveDeletes', pairId, [], (pair, transaction) => approveDeletes(transaction, pair)),
    revertDeletes: (pairId) =>
      inPair('revertDeletes', pairId, [], (pair, transaction) => revertDeletes(transaction, pair)),

    forgetDispatched: () =>
      transact('forgetDispatched', 'all pairs', ({ tables }) => {
        for (const row of tables.pairs.values()) forgetDispatched(row.tables);
      }),

    work: () => transact('work', 'all pairs', work),
    counts: (pairId) => inPair('counts', pairId, [], counts),
    hasWorkBelow: (pairId, name) =>
      inPair('hasWorkBelow', pairId, [name], ({ entries }) =>
        entries.below(name).some((row) => isCandidate(row) || row.decision !== null),
      ),
    hasUpstreamNewsBelow: (pairId, name) =>
      inPair('hasUpstreamNewsBelow', pairId, [name], ({ entries }) =>
        entries.below(name).some(isUpstreamNews),
      ),
    upstreamObjects: (pairId, names) =>
      inPair('upstreamObjects', pairId, names, ({ entries }) => {
        const isObject = (kind: string | undefined) => kind === 'file' || kind === 'unhandled';
        return new Set(names.filter((name) => isObject(entries.get(name)?.remote.kind)));
      }),

    openProblem: (pairId, shown, problem) =>
      inPair('openProblem', pairId, [shown], (pair, transaction) =>
        openProblem(transaction, pair, shown, problem),
      ),
    time: () => transact('time', '', ({ now }) => new Date(now)),
    closeProblems: (pairId, codes, since) =>
      inPair('closeProblems', pairId, [], (pair) => closeUnseen(pair, codes, since)),
    problems: (pairId) => transact('problems', `pair ${pairId}`, ({ tables }) => problems(tables, pairId)),

    appendHistory: (pairId, events) =>
      inPair('appendHistory', pairId, [], (pair, transaction) => appendHistory(transaction, pair, events)),
    history: (pairId, name, limit) =>
      inPair('history', pairId, name === null ? [] : [name], (pair) =>
        newest(pair, limit, (event) => event.name === name),
      ),
    transferred: (pairId, since) =>
      inPair('transferred', pairId, [], (pair) => {
        const sizes = pair.history.flatMap(({ at, bytes }) => (at >= since && bytes !== null ? [bytes] : []));
        return { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
      }),

    trash: (pairId, name) =>
      inPair('trash', pairId, name === null ? [] : [name], (pair) => trash(pair, name)),
    pageTrash: (pairId, after, limit) =>
      inPair('pageTrash', pairId, [], (pair) => pageTrash(pair, after, limit)),
    recordedTrash: (pairId, places) =>
      inPair('recordedTrash', pairId, [], (pair) => recordedTrash(pair, places)),
    dueTrash: (volume, limit) =>
      transact('dueTrash', volume, (transaction) => dueTrash(transaction, volume, limit)),
    settleTrash: (id, as) =>
      transact('settleTrash', `${id}`, (transaction) => settleTrash(transaction, id, as)),
  };
}

function namesOf(items: readonly { readonly name: string }[]): readonly string[] {
  return items.map(({ name }) => name);
}

/** The latest of these events, newest last. */
function newest(
  { history }: PairTables,
  limit: number,
  isMeant: (event: HistoryRow) => boolean,
): readonly RecordedHistoryEvent[] {
  const meant = history.filter(isMeant);
  const start = Math.max(meant.length - limit, 0);
  return meant.slice(start).map(({ bytes: _bytes, ...event }) => event);
}
