/**
 * Conflicts: both contents side by side, and an operator's answer to which of them has the name.
 * What is given up goes to the trash by the folder's commit protocol, so that an answer is as
 * safe as a sync, and what changed meanwhile refuses it. The folder's side syncs it upstream.
 */
import { conflictName } from '#core/conflict-name.ts';
import type { Entry } from '#core/entry.ts';
import type { Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import type { LocalState, RemoteState } from '#core/state.ts';
import type { CommitOrder, CommitOutcome } from '#ports/commit.ts';
import type { ConflictRow, ConflictSide, ContentPreview } from '#ports/desk.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { ConflictView } from '#ports/operator.ts';
import type { ConflictAnswer, ListedConflict } from '#ports/overview.ts';
import type { Pair } from '#ports/pair.ts';
import type { PairSides } from '#ports/sides.ts';
import { copyOf } from '../conflict-events.ts';
import { keptMs } from '../trash.ts';
import { by, chosenPairs, findPair, type OverviewDeps } from './pairs.ts';
import { previewOf } from './preview.ts';

const CONFLICTS_SHOWN = 1_000;

interface Conflict {
  readonly pair: Pair;
  readonly listed: ListedConflict;
  readonly name: Name;
  readonly copy: Name;
}

async function findConflict(deps: OverviewDeps, pairName: string, id: string): Promise<Conflict> {
  const pair = await findPair(deps.registry, pairName);
  const listed = /^\d{1,18}$/.test(id) ? await deps.overview.findConflict(pair.id, BigInt(id)) : null;
  const copy = listed === null ? null : copyOf(listed.event);
  if (listed === null || copy === null || listed.event.name === null)
    throw new HoldfastError('not-found', `pair "${pairName}" has no conflict ${id}`);
  return { pair, listed, name: listed.event.name, copy };
}

/** @param name null for all pairs; of each the newest. */
export async function listConflicts(
  deps: OverviewDeps,
  name: string | null,
): Promise<readonly ConflictView[]> {
  const found: ConflictView[] = [];
  for (const pair of await chosenPairs(deps, name)) {
    const { items } = await deps.overview.pageConflicts(pair.id, null, CONFLICTS_SHOWN);
    for (const { id, at, text, winner, answer, isOpen } of await conflictRows(deps, pair, items))
      found.push({ id, pair: pair.name, name: winner.name, text, at, answer, isOpen });
  }
  return found;
}

/** @param items a page of conflict events. */
export async function conflictRows(
  deps: Pick<OverviewDeps, 'archive'>,
  pair: Pair,
  items: readonly ListedConflict[],
): Promise<readonly ConflictRow[]> {
  const names = new Set<Name>();
  for (const { event } of items) {
    const copy = copyOf(event);
    if (event.name !== null && copy !== null) names.add(event.name).add(copy);
  }
  const entries = names.size === 0 ? [] : await deps.archive.load(pair.id, [...names]);
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  return items.map((item) => conflictRow(item, byName));
}

function conflictRow({ event, answer }: ListedConflict, entries: ReadonlyMap<Name, Entry>): ConflictRow {
  const copyName = copyOf(event);
  const isUpstreamsCopy = event.side === 'remote';
  const winner = sideOf(event.name, entries, isUpstreamsCopy ? 'here' : 'upstream');
  const copy = sideOf(copyName, entries, isUpstreamsCopy ? 'upstream' : 'here');
  return {
    id: event.id.toString(),
    at: event.at.toISOString(),
    text: event.text,
    winner,
    copy,
    answer: answer === null ? null : { ...answer, at: answer.at.toISOString() },
    isOpen: answer === null && (copy.size !== null || copy.isDirectory),
  };
}

function sideOf(
  name: Name | null,
  entries: ReadonlyMap<Name, Entry>,
  from: ConflictSide['from'],
): ConflictSide {
  const entry = name === null ? undefined : entries.get(name);
  const state = entry === undefined ? null : shownState(entry);
  const mtimeNs = state?.kind === 'file' ? state.mtimeNs : null;
  return {
    name: name ?? '',
    from,
    size: state?.kind === 'file' ? state.size : null,
    modifiedAt: mtimeNs === null ? null : new Date(Number(mtimeNs / 1_000_000n)).toISOString(),
    isDirectory: state?.kind === 'directory',
  };
}

/** What is there: here, or upstream while it is not here yet. */
function shownState(entry: Entry): LocalState | RemoteState {
  return entry.local.kind === 'absent' ? entry.remote : entry.local;
}

export async function previewConflict(
  deps: OverviewDeps,
  pairName: string,
  id: string,
  which: 'winner' | 'copy',
): Promise<ContentPreview> {
  const { pair, name, copy } = await findConflict(deps, pairName, id);
  return previewOf(await deps.sides.open(pair), which === 'winner' ? name : copy, deps.clock.now());
}

/** @throws HoldfastError not-found, already-exists when it is answered, local-busy when something changed meanwhile. */
export async function resolveConflict(
  deps: OverviewDeps,
  pairName: string,
  id: string,
  answer: ConflictAnswer,
): Promise<void> {
  const conflict = await findConflict(deps, pairName, id);
  const { pair, listed, copy } = conflict;
  if (listed.answer !== null)
    throw new HoldfastError(
      'already-exists',
      `the conflict was answered by ${listed.answer.actor} with ${listed.answer.answer}`,
    );
  if (answer !== 'keep-both') {
    const sides = await deps.sides.open(pair);
    const state = await copyState(sides, copy);
    const isCopyWanted = (answer === 'keep-mine') === (listed.event.side !== 'remote');
    if (isCopyWanted) await putInPlace(deps, conflict, sides, state);
    await takeCopyAway(deps, conflict, sides, state);
  }
  await deps.overview.answerConflict(listed.event.id, answer, deps.actor ?? 'an operator');
  const text = `the conflict of ${listed.event.at.toISOString()} was answered with ${answer}${by(deps)}`;
  const event = { name: conflict.name, kind: 'operator', side: null, serial: null, text } as const;
  await deps.archive.appendHistory(pair.id, [event]);
  await deps.queue.wake(pair.volume, pair.id);
}

type FileState = Extract<LocalState, { readonly kind: 'file' }>;

async function copyState({ folder }: PairSides, copy: Name): Promise<FileState> {
  const probed = await folder.probe(copy);
  if (probed.result === 'state' && probed.state.kind === 'file') return probed.state;
  if (probed.result === 'state' && probed.state.kind === 'directory')
    throw new HoldfastError('usage', `"${copy}" is a directory; keep both, then move what you want of it`);
  throw new HoldfastError(
    'local-busy',
    `"${copy}" is not in the folder: it was removed, or is not synced yet; look again, or keep both`,
  );
}

async function putInPlace(
  deps: OverviewDeps,
  { pair, name, copy }: Conflict,
  { folder, store }: PairSides,
  state: FileState,
): Promise<void> {
  const probed = await folder.probe(name);
  if (probed.result !== 'state') throw changed(name);
  const staged = await folder.stage(copy, state, store.digest, deps.clock.now());
  if (staged.result !== 'staged') throw changed(copy);
  try {
    const order = await orderOf(deps, name, probed.state);
    await carryOut(deps, pair, name, order, await folder.pull(name, staged.content, order));
  } finally {
    await staged.content.release();
  }
}

async function takeCopyAway(
  deps: OverviewDeps,
  { pair, copy }: Conflict,
  { folder }: PairSides,
  state: FileState,
): Promise<void> {
  const order = await orderOf(deps, copy, state);
  await carryOut(deps, pair, copy, order, await folder.remove(copy, order));
}

async function orderOf(
  { archive }: OverviewDeps,
  name: Name,
  expected: LocalState,
): Promise<CommitOrder<LocalState>> {
  const [serial] = await archive.issueSerials(1);
  return {
    expected,
    displaced: 'recoverable',
    serial: serial as Serial,
    conflictName: (at, attempt) => conflictName(name, at, 'answered', attempt),
  };
}

/** Tells what the commit displaced also when it did not apply (invariant 1). */
async function carryOut(
  deps: OverviewDeps,
  pair: Pair,
  name: Name,
  { serial }: CommitOrder<LocalState>,
  outcome: CommitOutcome<LocalState>,
): Promise<void> {
  if (outcome.result === 'blocked') throw changed(name);
  const expiresAt = deps.clock.now() + keptMs(pair, deps.trashMs);
  const { recovery, conflictCopies } = outcome;
  const kept = { name, side: 'local', serial, lookAgainAt: deps.clock.now(), expiresAt } as const;
  await deps.archive.release(pair.id, [], {
    candidates: [name, ...conflictCopies].map((touched) => ({ side: 'local', name: touched })),
    recovery: recovery === null ? [] : [{ ...kept, pointer: recovery }],
    history: [],
  });
  if (outcome.result === 'stale') throw changed(name);
}

function changed(name: Name): HoldfastError {
  return new HoldfastError('local-busy', `"${name}" changed meanwhile; look at the conflict again`);
}
