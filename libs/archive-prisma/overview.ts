/** Overview on PostgreSQL: what operators' pages ask, each call one statement or a few. */
import type { Overview } from '#ports/overview.ts';
import type { Connection } from './connection.ts';
import { latestEvent, movedSince, pairIds, tallies } from './sql/follow.ts';
import {
  findConflict,
  heldDecisions,
  pageConflicts,
  pageHistory,
  pageKept,
  pageProblems,
  problemCodes,
} from './sql/list-account.ts';
import { listedPairs, pagePairs, totals } from './sql/list-pairs.ts';
import { answerConflict, pageActions, recordAction, retryProblems } from './sql/operator-answers.ts';
import { forgetProcess, processes, report, wantDrain } from './sql/processes.ts';

export function createOverview({ pool, guard }: Connection): Overview {
  return {
    pagePairs: (query) => guard(() => pagePairs(pool, query)),
    listed: (names) => guard(() => listedPairs(pool, names)),
    totals: () => guard(() => totals(pool)),

    pageHistory: (pairId, query) => guard(() => pageHistory(pool, pairId, query)),
    pageProblems: (query) => guard(() => pageProblems(pool, query)),
    problemCodes: (pairId) => guard(() => problemCodes(pool, pairId)),
    pageConflicts: (pairId, before, limit) => guard(() => pageConflicts(pool, pairId, before, limit)),
    findConflict: (pairId, id) => guard(() => findConflict(pool, pairId, id)),
    pageKept: (pairId, before, limit) => guard(() => pageKept(pool, pairId, before, limit)),
    heldDecisions: (pairId, limit) => guard(() => heldDecisions(pool, pairId, limit)),

    retryProblems: (pairId, which) => guard(() => retryProblems(pool, pairId, which)),
    answerConflict: (id, answer, actor) => guard(() => answerConflict(pool, id, answer, actor)),

    latestEvent: () => guard(() => latestEvent(pool)),
    movedSince: (event, limit) => guard(() => movedSince(pool, event, limit)),
    tallies: (ids) => guard(() => tallies(pool, ids)),
    pairIds: () => guard(() => pairIds(pool)),

    recordAction: (action) => guard(() => recordAction(pool, action)),
    pageActions: (before, limit) => guard(() => pageActions(pool, before, limit)),

    report: (process) => guard(() => report(pool, process)),
    forgetProcess: (id) => guard(() => forgetProcess(pool, id)),
    processes: () => guard(() => processes(pool)),
    wantDrain: (id) => guard(() => wantDrain(pool, id)),
  };
}
