/** Insight: what operators look at. Status, problems and another attempt at them, and why a name is as it is. */

import type { PendingDecision } from '#core/entry.ts';
import { nameFault, toName } from '#core/name.ts';
import type { Problem, RecordedHistoryEvent } from '#ports/archive.ts';
import { HoldfastError } from '#ports/errors.ts';
import type {
  FleetStatus,
  HistoryView,
  ProblemsRetryRequest,
  ProblemsRetryView,
  ProblemView,
  WhyView,
} from '#ports/operator.ts';
import type { Pair } from '#ports/pair.ts';
import { describeState } from '../describe.ts';
import { describeHeld, fleetStopView, heldBecause, heldDeletesOf, readHolds } from './holds.ts';
import { chosenPairs, findPair, note, type OverviewDeps, type PairsDeps, pairStatus } from './pairs.ts';
import { keptOf } from './trash.ts';

const HISTORY_SHOWN = 200;

export async function fleetStatus(deps: PairsDeps, name: string | null): Promise<FleetStatus> {
  const all = await deps.registry.listPairs();
  const chosen = await chosenPairs(deps, name);
  const holds = await readHolds(deps);
  return {
    pairs: await Promise.all(chosen.map((pair) => pairStatus(deps, pair, all, holds))),
    fleetStop: fleetStopView(holds, all),
    queues: await deps.queue.depths(),
  };
}

export async function listProblems(deps: PairsDeps, name: string | null): Promise<readonly ProblemView[]> {
  const chosen = await chosenPairs(deps, name);
  const names = new Map(chosen.map((pair) => [pair.id, pair.name]));
  const open = await deps.archive.problems(name === null ? null : (chosen[0] as Pair).id);
  const seenAt = new Date(deps.clock.now()).toISOString();
  const holds = await readHolds(deps);
  const wholePairs: ProblemView[] = [];
  for (const pair of chosen) {
    const whole = { pair: pair.name, name: '', lastSeenAt: seenAt, attempts: 0, nextAttemptAt: null };
    if (pair.disabled !== null) {
      const { code, reason, at } = pair.disabled;
      wholePairs.push({ ...whole, code, text: reason, firstSeenAt: at.toISOString() });
    }
    const heldDeletes = await heldDeletesOf(deps, pair, holds);
    if (heldDeletes !== null) {
      const text = `${describeHeld(heldDeletes)}; see them: holdfast deletes ${pair.name} list`;
      wholePairs.push({ ...whole, code: 'deletes-held', text, firstSeenAt: heldDeletes.since });
    }
  }
  return [
    ...wholePairs,
    ...open.map((problem) => problemView(names.get(problem.pairId) ?? String(problem.pairId), problem)),
  ];
}

/** @param pair its name. */
export function problemView(pair: string, problem: Problem): ProblemView {
  const { name, code, text, firstSeenAt, lastSeenAt, attempts, nextAttemptAt } = problem;
  return {
    pair,
    name,
    code,
    text,
    firstSeenAt: firstSeenAt.toISOString(),
    lastSeenAt: lastSeenAt.toISOString(),
    attempts,
    nextAttemptAt: nextAttemptAt?.toISOString() ?? null,
  };
}

/** @throws HoldfastError not-found */
export async function retryProblems(
  deps: OverviewDeps,
  name: string,
  { names, code }: ProblemsRetryRequest,
): Promise<ProblemsRetryView> {
  const pair = await findPair(deps.registry, name);
  const retried = await deps.overview.retryProblems(pair.id, names === null ? { code } : { names });
  await note(deps, pair, `asked for another attempt at ${retried} names with problems`);
  await deps.queue.wake(pair.volume, pair.id);
  return { pair: name, names: retried };
}

/** @param path a name below the pair's folder; `./a` and `a/` are taken as `a`. */
export async function why(deps: PairsDeps, pairName: string, path: string): Promise<WhyView> {
  const pair = await findPair(deps.registry, pairName);
  const relative = path.startsWith(`${pair.folder}/`) ? path.slice(pair.folder.length + 1) : path;
  const raw = relative.replace(/^(?:\.\/)+/, '').replace(/\/+$/, '');
  const problems = (await deps.archive.problems(pair.id)).filter((problem) => problem.name === raw);
  const problem = problems[0] === undefined ? null : `${problems[0].code}: ${problems[0].text}`;
  if (nameFault(raw) !== null)
    return {
      name: raw,
      local: 'unknown',
      remote: 'unknown',
      sync: 'unknown',
      decision: null,
      problem,
      kept: [],
      history: [],
    };
  const name = toName(raw);
  const [entry] = await deps.archive.load(pair.id, [name]);
  const history = await deps.archive.history(pair.id, name, HISTORY_SHOWN);
  const kept = await keptOf(deps, pair, name);
  if (
    entry === undefined ||
    (history.length === 0 && entry.localSerial === 0n && entry.remoteSerial === 0n && problem === null)
  ) {
    throw new HoldfastError(
      'not-found',
      `pair "${pairName}" knows nothing of "${raw}"; give the path as it is below ${pair.folder}`,
    );
  }
  return {
    name,
    local: describeState(entry.local),
    remote: describeState(entry.remote),
    sync: entry.syncSerial === 0n ? 'never synced' : describeSync(entry.sync),
    decision: entry.decision === null ? null : await describeDecision(deps, pair, entry.decision),
    problem,
    kept,
    history: history.map(historyView),
  };
}

async function describeDecision(deps: PairsDeps, pair: Pair, decision: PendingDecision): Promise<string> {
  const isDelete = decision.action === 'delete-remote' || decision.action === 'delete-local';
  const held = isDelete ? heldBecause(pair, await readHolds(deps)) : null;
  return `${decision.action}: ${decision.reason}${held === null ? '' : ' (deletes of this pair wait for an operator)'}`;
}

function describeSync(sync: { readonly kind: string; readonly size?: number }): string {
  return sync.kind === 'file'
    ? `a file of ${sync.size} bytes`
    : sync.kind === 'directory'
      ? 'a directory'
      : 'nothing';
}

export function historyView(event: RecordedHistoryEvent): HistoryView {
  return {
    at: event.at.toISOString(),
    kind: event.kind,
    side: event.side,
    serial: event.serial?.toString() ?? null,
    text: event.text,
  };
}
