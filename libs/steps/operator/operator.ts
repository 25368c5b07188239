/** Operator: the verbs, each one call to its use case. */
import { HoldfastError } from '#ports/errors.ts';
import type { Operator } from '#ports/operator.ts';
import { listConflicts, resolveConflict } from './conflicts.ts';
import { answerDeletes, listHeldDeletes } from './deletes.ts';
import { doctor, type Examination } from './doctor.ts';
import { readHolds } from './holds.ts';
import { fleetStatus, listProblems, retryProblems, why } from './insight.ts';
import { clearLimit, listLimits, setLimit } from './limits.ts';
import {
  addPair,
  findPair,
  listPairs,
  type OverviewDeps,
  pairStatus,
  pausePair,
  removePair,
  setPair,
} from './pairs.ts';
import { planSync } from './plan.ts';
import { checkRecovery } from './recovery.ts';
import { resumePair } from './resume.ts';
import { addStore } from './stores.ts';
import { requestSync, syncProgress } from './syncing.ts';
import { readHistory } from './timeline.ts';
import { listTrash, restoreTrash } from './trash.ts';
import { storeView } from './views.ts';

export function createOperator(deps: OverviewDeps, environment: readonly Examination[]): Operator {
  const { registry } = deps;
  return {
    storeAdd: (request) => addStore(deps, request),
    storeList: async () => (await registry.listStores()).map(storeView),
    storeRemove: (name) => registry.removeStore(name),
    limitList: () => listLimits(deps),
    limitSet: (request) => setLimit(deps, request),
    limitClear: (request) => clearLimit(deps, request),
    pairAdd: (request) => addPair(deps, request),
    pairList: () => listPairs(deps),
    pairShow: async (name) => {
      const pair = await findPair(registry, name);
      return pairStatus(deps, pair, await registry.pairsOnContainerOf(pair), await readHolds(deps));
    },
    pairSet: (request) => setPair(deps, request),
    pairPause: (name) => pausePair(deps, name),
    pairResume: (name, union) => resumePair(deps, name, union),
    pairRemove: (name) => removePair(deps, name),
    sync: (name) => requestSync(deps, name),
    progress: (ticket) => syncProgress(deps, ticket),
    status: (name) => fleetStatus(deps, name),
    problems: (name) => listProblems(deps, name),
    problemsRetry: (name, which) => retryProblems(deps, name, which),
    conflicts: (name) => listConflicts(deps, name),
    conflictResolve: (name, id, answer) => resolveConflict(deps, name, id, answer),
    deletesList: (name) => listHeldDeletes(deps, name),
    deletesApprove: (name) => answerDeletes(deps, name, 'approved'),
    deletesRevert: (name) => answerDeletes(deps, name, 'reverted'),
    history: (name, request) => readHistory(deps, name, request),
    plan: async (name) => {
      const pair = await findPair(registry, name);
      if (pair.disabled !== null)
        throw new HoldfastError('usage', `pair "${name}" is disabled: ${pair.disabled.reason}`);
      return planSync(deps, pair, await deps.sides.open(pair));
    },
    why: (name, path) => why(deps, name, path),
    trashList: (name) => listTrash(deps, name),
    trashRestore: (name, request) => restoreTrash(deps, name, request),
    doctor: () => doctor(deps, environment),
    recovery: (name, withContent) => checkRecovery(deps, name, withContent ? 'content' : 'presence'),
  };
}
