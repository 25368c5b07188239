/**
 * Commit decision: one decision, one commit. Looks at the source once more, stages it, and
 * has the target pull it or remove; a removal is proved again on the source side right
 * before (invariant 6), since the decision may be minutes old.
 */
import { effectiveRemote } from '#core/decide.ts';
import type { Entry, PendingDecision } from '#core/entry.ts';
import { type Name, nameFault } from '#core/name.ts';
import { ABSENT, type LocalState, type SyncState, sameRemoteContent, syncStateOf } from '#core/state.ts';
import type { LocalTwin } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import type { CommitOrder, CommitOutcome } from '#ports/commit.ts';
import { type Staged, StaleContent } from '#ports/content.ts';
import { asHoldfastError } from '#ports/errors.ts';
import type { ListPage } from '#ports/object-store.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import type { PairSides } from '#ports/sides.ts';
import { assertContainer, assertFolder } from './continuity.ts';
import type { Committed, OrderTerms } from './transfer.ts';
import type { Twins } from './twins.ts';

/** The first one mostly answers. */
const LISTED_AT_ONCE = 100;

export interface CommitDeps {
  readonly registry: Pick<Registry, 'loadPair'>;
  readonly clock: Clock;
  readonly settleMs: number;
}

export async function commitDecision(
  sides: PairSides,
  pair: Pair,
  entry: Entry,
  decision: Pick<PendingDecision, 'action'>,
  terms: OrderTerms,
  deps: CommitDeps,
  twins: Twins,
): Promise<Committed> {
  let committed: Committed | Stale;
  try {
    committed = await attempt(sides, pair, entry, decision, terms, deps, twins);
  } catch (thrown) {
    if (!(thrown instanceof StaleContent)) throw thrown;
    committed = stale(thrown.message);
  }
  return committed.kind === 'stale' ? giveUp(sides, entry, decision, terms, committed.reason) : committed;
}

async function attempt(
  sides: PairSides,
  pair: Pair,
  entry: Entry,
  decision: Pick<PendingDecision, 'action'>,
  terms: OrderTerms,
  deps: CommitDeps,
  twins: Twins,
): Promise<Committed | Stale> {
  switch (decision.action) {
    case 'upload':
      return upload(sides, entry, terms, deps, twins);
    case 'download':
      return download(sides, pair, entry, terms, deps, twins);
    case 'delete-remote':
      return deleteRemote(sides, pair, entry, terms, deps);
    case 'delete-local':
      return deleteLocal(sides, pair, entry, terms, deps);
  }
}

/**
 * The source moved on. An earlier attempt, whose worker died or whose answer was lost, may have been carried out: then
 * it counts, or our own work would look like somebody else's change and become a conflict.
 */
async function giveUp(
  sides: PairSides,
  entry: Entry,
  { action }: Pick<PendingDecision, 'action'>,
  terms: OrderTerms,
  reason: string,
): Promise<Committed> {
  const { name } = entry;
  if (action === 'upload' || action === 'delete-remote') {
    const order = { ...terms, expected: entry.remote };
    const outcome = await sides.store.giveUp(name, action === 'upload' ? 'pull' : 'remove', order);
    const source = outcome.result === 'applied' ? (syncStateOf(outcome.state) ?? ABSENT) : ABSENT;
    return { kind: 'remote', outcome: because(outcome, reason), bytes: 0, source, sourceMoved: true };
  }
  const source = action === 'download' ? (syncStateOf(effectiveRemote(entry)) ?? ABSENT) : ABSENT;
  const order = { ...terms, expected: entry.local };
  const outcome = await sides.folder.giveUp(name, source, sides.store.digest, order);
  return { kind: 'local', outcome: because(outcome, reason), bytes: 0, source, sourceMoved: true };
}

function because<State>(outcome: CommitOutcome<State>, reason: string): CommitOutcome<State> {
  return outcome.result === 'stale' ? { ...outcome, reason } : outcome;
}

interface Stale {
  readonly kind: 'stale';
  readonly reason: string;
}

const stale = (reason: string): Stale => ({ kind: 'stale', reason });

async function upload(
  sides: PairSides,
  entry: Entry,
  terms: OrderTerms,
  deps: CommitDeps,
  { upstream }: Twins,
): Promise<Committed | Stale> {
  const order = { ...terms, expected: entry.remote };
  const staged = await sides.folder.stage(
    entry.name,
    entry.local,
    sides.store.digest,
    deps.clock.now() - deps.settleMs,
  );
  if (staged.result === 'stale') return stale(staged.reason);
  if (staged.result === 'unsettled') return { kind: 'unsettled', until: staged.until };
  const { content } = staged;
  try {
    const replacesTree = content.kind === 'file' && effectiveRemote(entry).kind === 'directory';
    if (replacesTree && (await isListedBelow(sides, entry.name))) {
      const outcome = { result: 'blocked', reason: 'directory-not-empty' } as const;
      return { kind: 'remote', outcome, ...moved(content) };
    }
    const outcome = await sides.store.pull(entry.name, content, order, upstream.get(entry.name));
    const copied = outcome.result === 'applied' ? copiedFrom(outcome.copiedFrom) : {};
    return { kind: 'remote', outcome, ...moved(content), ...copied };
  } finally {
    await content.release();
  }
}

/**
 * Whether the store lists anything below a name that this pair would sync. Stores without directories would hold
 * both, an object and others below it, of which no poll has told yet (invariant 10).
 */
async function isListedBelow(sides: PairSides, name: Name): Promise<boolean> {
  const prefix = `${name}/`;
  let after: string | null = prefix;
  while (after !== null) {
    const page: ListPage = await sides.store.list(after, LISTED_AT_ONCE);
    for (const { rawName, state } of page.objects) {
      if (!rawName.startsWith(prefix)) return false;
      if (nameFault(rawName) !== null) continue;
      if (!sides.isExcluded(rawName as Name, state.kind === 'directory')) return true;
    }
    after = page.next;
  }
  return false;
}

async function download(
  sides: PairSides,
  pair: Pair,
  entry: Entry,
  terms: OrderTerms,
  deps: CommitDeps,
  { here }: Twins,
): Promise<Committed | Stale> {
  const order = { ...terms, expected: entry.local };
  const remote = effectiveRemote(entry);
  const twin = here.get(entry.name);
  const copied = twin === undefined ? null : await pullTwin(sides, entry, twin, order, deps);
  if (copied !== null) return copied;
  const implied = remote.kind === 'directory' && entry.remote.kind === 'absent';
  const staged = implied
    ? ({ result: 'staged', content: IMPLIED_DIRECTORY } as const)
    : await sides.store.stage(entry.name, remote);
  if (staged.result === 'stale') return stale(staged.reason);
  if (staged.result === 'unsettled') return { kind: 'unsettled', until: staged.until };
  const { content } = staged;
  try {
    const outcome = await sides.folder.pull(entry.name, content, order);
    // What stands in the way may stay for good: only a look tells that there is nothing left to bring.
    if (outcome.result === 'blocked' && !implied) {
      const live = await sides.store.probe(entry.name, pair.identity);
      if (!sameRemoteContent(live, entry.remote)) return stale('the object upstream is another by now');
    }
    return { kind: 'local', outcome, ...moved(content) };
  } finally {
    await content.release();
  }
}

/** @returns null when the twin is gone or another by now, so that the bytes are fetched. */
async function pullTwin(
  { folder, store }: PairSides,
  { name, remote }: Entry,
  twin: LocalTwin,
  order: CommitOrder<LocalState>,
  { clock, settleMs }: CommitDeps,
): Promise<Committed | null> {
  const staged = await folder.stage(twin.name, twin.state, store.digest, clock.now() - settleMs);
  if (staged.result !== 'staged') return null;
  const { content } = staged;
  try {
    if (content.kind !== 'file' || remote.kind !== 'file') return null;
    if (content.size !== remote.size || content.hash !== remote.hash) return null;
    const outcome = await folder.pull(name, content, order);
    if (outcome.result === 'blocked') return null;
    return { kind: 'local', outcome, ...moved(content), ...copiedFrom(twin.name) };
  } catch (thrown) {
    if (thrown instanceof StaleContent || asHoldfastError(thrown).code === 'content-mismatch') return null;
    throw thrown;
  } finally {
    await content.release();
  }
}

async function deleteRemote(
  sides: PairSides,
  pair: Pair,
  entry: Entry,
  terms: OrderTerms,
  { registry }: CommitDeps,
): Promise<Committed | Stale> {
  const probed = await sides.folder.probe(entry.name);
  if (probed.result !== 'state' || probed.state.kind !== 'absent') return stale('the name is here again');
  await assertFolder(pair, sides.folder, registry);
  if (await isChangedSince(pair, registry)) return stale(PAIR_CHANGED);
  const outcome = await sides.store.remove(entry.name, { ...terms, expected: entry.remote });
  return { kind: 'remote', outcome, bytes: 0, source: ABSENT };
}

async function deleteLocal(
  sides: PairSides,
  pair: Pair,
  entry: Entry,
  terms: OrderTerms,
  { registry }: CommitDeps,
): Promise<Committed | Stale> {
  const live = await sides.store.probe(entry.name, pair.identity);
  if (live.kind !== 'absent') return stale('the name is upstream again');
  await assertContainer(pair, sides.store, registry);
  if (entry.remoteHasChildren) return stale('objects are below the name again');
  if (await isChangedSince(pair, registry)) return stale(PAIR_CHANGED);
  const outcome = await sides.folder.remove(entry.name, { ...terms, expected: entry.local });
  return { kind: 'local', outcome, bytes: 0, source: ABSENT };
}

const PAIR_CHANGED = 'the pair was changed or united since the delete was decided';

/**
 * A side that went back in time may have been united with the other one while this worker stood still, and what the
 * order takes away may be all that brought it back (invariant 6).
 */
async function isChangedSince(pair: Pair, registry: CommitDeps['registry']): Promise<boolean> {
  return (await registry.loadPair(pair.id))?.revision !== pair.revision;
}

const IMPLIED_DIRECTORY: Staged = { kind: 'directory', mtimeNs: null, mode: null, release: async () => {} };

/** What was copied from a name of the same side did not travel. */
function copiedFrom(name: Name | undefined): { readonly bytes?: 0; readonly copiedFrom?: Name } {
  return name === undefined ? {} : { bytes: 0, copiedFrom: name };
}

/** For files the hash is completed from what the target saw. */
function moved(content: Staged): { readonly bytes: number; readonly source: SyncState } {
  if (content.kind === 'directory') return { bytes: 0, source: { kind: 'directory' } };
  return { bytes: content.size, source: { kind: 'file', size: content.size, hash: content.hash ?? '' } };
}
