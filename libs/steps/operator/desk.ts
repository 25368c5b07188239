/** Desk: what the console shows and answers, each method one look at the overview or one use case. */
import type { Desk, PageRequest, PageView, PairLive, PairRow, ProcessRow } from '#ports/desk.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { ProblemView } from '#ports/operator.ts';
import type { ListedPair, ListedProcess, Page } from '#ports/overview.ts';
import { conflictRows, previewConflict } from './conflicts.ts';
import type { FleetFollower } from './follow-fleet.ts';
import { heldBecause, readHolds } from './holds.ts';
import { problemView } from './insight.ts';
import { findPair, type OverviewDeps, showPair } from './pairs.ts';
import { eventBefore, readHistory } from './timeline.ts';
import { trashView } from './trash.ts';
import { conditionOf, workOf } from './views.ts';

export interface DeskDeps extends OverviewDeps {
  readonly follower: FleetFollower;
}

/** A process tells of itself every few seconds. */
const SILENT_MS = 20_000;
const ACTIVE_SHOWN = 10;

export function createDesk(deps: DeskDeps): Desk {
  const { overview, follower, archive, registry } = deps;
  const rows = (items: readonly ListedPair[]) => items.map((item) => pairRow(deps, item));
  return {
    fleet: async () => ({ ...(await overview.totals()), ...follower.fleetRate() }),
    throughput: () => follower.throughput(),
    pairs: async ({ from, ...query }) => {
      const { items, hasMore } = await overview.pagePairs({ ...query, after: from });
      return { items: rows(items), next: hasMore ? (items.at(-1)?.name ?? null) : null };
    },
    pairRows: async (names) => rows(await overview.listed(names)),
    pairView: (name) => showPair(deps, name),
    pairLive: (name) => pairLive(deps, name),
    history: (name, request) => readHistory(deps, name, request),
    problems: (name, request) => problems(deps, name, request),
    problemCodes: async (name) =>
      overview.problemCodes(name === null ? null : (await findPair(registry, name)).id),
    conflicts: async (name, { from, limit }) => {
      const pair = await findPair(registry, name);
      const page = await overview.pageConflicts(pair.id, eventBefore(from), limit);
      const items = await conflictRows(deps, pair, page.items);
      return { items, next: page.hasMore ? (items.at(-1)?.id ?? null) : null };
    },
    conflictPreview: (name, id, which) => previewConflict(deps, name, id, which),
    trash: async (name, { from, limit }) => {
      const pair = await findPair(registry, name);
      return numbered(await overview.pageKept(pair.id, eventBefore(from), limit), ({ id }) => id, trashView);
    },
    heldDeletes: async (name, { from, limit }) => {
      const pair = await findPair(registry, name);
      if (heldBecause(pair, await readHolds(deps)) === null) return { items: [], next: null };
      const found = await archive.pageHeldDeletes(pair.id, from, limit + 1);
      const items = found.slice(0, limit).map(({ name: held, side, size, decidedAt }) => ({
        name: held,
        side,
        size,
        since: decidedAt.toISOString(),
      }));
      return { items, next: found.length > limit ? (items.at(-1)?.name ?? null) : null };
    },
    workers: async () => (await overview.processes()).map((process) => processRow(process, deps.clock.now())),
    workerDrain: async (id) => {
      if (!(await overview.wantDrain(id)))
        throw new HoldfastError('not-found', `there is no process ${id}; it may have stopped meanwhile`);
    },
    actions: async ({ from, limit }) =>
      numbered(
        await overview.pageActions(eventBefore(from), limit),
        ({ id }) => id,
        ({ id: _id, at, ...action }) => ({
          at: at.toISOString(),
          ...action,
        }),
      ),
  };
}

function numbered<Row, View>(
  { items, hasMore }: Page<Row>,
  idOf: (row: Row) => bigint,
  view: (row: Row) => View,
): PageView<View> {
  const last = items.at(-1);
  return { items: items.map(view), next: hasMore && last !== undefined ? idOf(last).toString() : null };
}

function pairRow(deps: DeskDeps, item: ListedPair): PairRow {
  const tally = deps.follower.tally(item.id);
  const { name, condition, folder, store, container, toDo, problems: open, heldDeletes } = item;
  return {
    name,
    condition,
    disabledReason: item.disabled?.reason ?? null,
    folder,
    store,
    container,
    toDo,
    problems: open,
    heldDeletes,
    lagSeconds: lagSeconds(deps, item),
    files: tally?.files ?? null,
    bytes: tally?.bytes ?? null,
    rate: deps.follower.runOf(item.id).bytesRate,
  };
}

function lagSeconds({ clock }: DeskDeps, { oldestChangeAt }: ListedPair): number | null {
  if (oldestChangeAt === null) return null;
  return Math.max(0, Math.round((clock.now() - oldestChangeAt.getTime()) / 1_000));
}

async function pairLive(deps: DeskDeps, name: string): Promise<PairLive> {
  const { overview, archive, follower, registry } = deps;
  const pair = await findPair(registry, name);
  const [holds, counts, active, newest, [listed]] = await Promise.all([
    readHolds(deps),
    archive.counts(pair.id),
    overview.heldDecisions(pair.id, ACTIVE_SHOWN),
    overview.pageHistory(pair.id, { name: null, which: 'all', before: null, limit: 1 }),
    overview.listed([name]),
  ]);
  const held = heldBecause(pair, holds);
  const work = workOf(counts, held);
  const filesToDo = work.candidates + work.decisions;
  const run = follower.runOf(pair.id);
  const isPending = filesToDo > 0;
  return {
    name,
    condition: conditionOf(pair, counts, held),
    disabledReason: pair.disabled?.reason ?? null,
    files: counts.files,
    directories: counts.directories,
    bytes: counts.bytes,
    problems: counts.problems,
    heldDeletes:
      held === null || counts.waitingDeletes === 0 ? null : { names: counts.waitingDeletes, ...held },
    progress: {
      filesDone: run.files,
      bytesDone: run.bytes,
      filesToDo,
      bytesToDo: counts.decisionBytes,
      bytesRate: run.bytesRate,
      filesRate: run.filesRate,
      etaSeconds: isPending ? etaSeconds(filesToDo, counts.decisionBytes, run) : null,
    },
    lagSeconds: listed === undefined ? null : lagSeconds(deps, listed),
    active,
    lastEvent: newest.items[0]?.id.toString() ?? null,
  };
}

/** Many small files take as long as their number says, few large ones as long as their bytes say. */
function etaSeconds(
  files: number,
  bytes: number,
  { filesRate, bytesRate }: { readonly filesRate: number; readonly bytesRate: number },
): number | null {
  if (filesRate === 0) return null;
  const byBytes = bytes === 0 || bytesRate === 0 ? 0 : bytes / bytesRate;
  return Math.round(Math.max(files / filesRate, byBytes));
}

async function problems(
  { overview, registry }: DeskDeps,
  name: string | null,
  { code, from, limit }: PageRequest & { readonly code: string | null },
): Promise<PageView<ProblemView>> {
  const pairId = name === null ? null : (await findPair(registry, name)).id;
  const page = await overview.pageProblems({ pairId, code, after: afterProblem(from), limit });
  const last = page.items.at(-1);
  return {
    items: page.items.map((problem) => problemView(problem.pair, problem)),
    next: page.hasMore && last !== undefined ? `${last.pairId}:${last.name}` : null,
  };
}

function afterProblem(from: string | null): { readonly pairId: number; readonly name: string } | null {
  if (from === null) return null;
  const [, id, name] = /^(\d{1,9}):(.*)$/s.exec(from) ?? [];
  if (id !== undefined && name !== undefined) return { pairId: Number(id), name };
  throw new HoldfastError('usage', 'ask with the "next" of the page before, or without any');
}

function processRow(process: ListedProcess, now: number): ProcessRow {
  const silentMs = Math.max(0, now - process.seenAt.getTime());
  const { id, app, host, pid, version, volumes, concurrency, busy, holds, rss, loopLagMs } = process;
  return {
    id,
    app,
    host,
    pid,
    version,
    volumes,
    uptimeSeconds: Math.max(0, Math.round((now - process.startedAt.getTime()) / 1_000)),
    silentSeconds: Math.round(silentMs / 1_000),
    concurrency,
    busy,
    holds,
    pairs: process.pairNames,
    rss,
    loopLagMs,
    condition: silentMs > SILENT_MS ? 'silent' : process.drainWanted ? 'draining' : 'working',
  };
}
