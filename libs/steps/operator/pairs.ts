/**
 * Pairs: what `holdfast pair` does. Adding one checks and prepares both sides first and
 * registers last, and takes back what it made when any of it fails.
 */
import type { DeleteHoldPolicy } from '#core/delete-hold.ts';
import { NO_GENERATIONS } from '#core/generation.ts';
import { type Policies, parsePolicies } from '#core/policies.ts';
import type { Archive } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { LimitBook } from '#ports/limits.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import type { PairAddRequest, PairSetRequest, PairStatus, PairView } from '#ports/operator.ts';
import type { Overview } from '#ports/overview.ts';
import type { Pair, Retention } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import type { PairSides, Sides } from '#ports/sides.ts';
import { readIgnoreText } from '../ignore-text.ts';
import { firstPollMs, type PollPace } from '../poll-pace.ts';
import { keptMs } from '../trash.ts';
import { type Holds, heldBecause, readHolds } from './holds.ts';
import { assertLabel, assertVolume } from './labels.ts';
import { conditionOf, pairView, workOf } from './views.ts';

export interface PairsDeps {
  readonly registry: Registry;
  readonly archive: Archive;
  readonly queue: JobQueue;
  readonly sides: Sides;
  readonly clock: Clock;
  readonly pace: PollPace;
  /** How long displaced content is kept where a pair says nothing of it, milliseconds. */
  readonly trashMs: number;
  readonly deleteHold: DeleteHoldPolicy;
  /** Who asks, for history; left out where nobody can be named. */
  readonly actor?: string;
}

/** For what is asked and answered page by page. */
export interface OverviewDeps extends PairsDeps {
  readonly overview: Overview;
  readonly limits: LimitBook;
}

/** @throws HoldfastError not-found */
export async function findPair(registry: Registry, name: string): Promise<Pair> {
  const pair = await registry.findPair(name);
  if (pair !== null) return pair;
  throw new HoldfastError('not-found', `there is no pair "${name}"; holdfast pair list shows all`);
}

/** @param name null for all. @throws HoldfastError not-found */
export async function chosenPairs(deps: PairsDeps, name: string | null): Promise<readonly Pair[]> {
  return name === null ? deps.registry.listPairs() : [await findPair(deps.registry, name)];
}

export async function addPair(deps: PairsDeps, request: PairAddRequest): Promise<PairView> {
  const draft = await draftPair(deps, request);
  const sides = await deps.sides.openNew(draft);
  try {
    const registered = await attachAndRegister(deps, draft, sides, request);
    await deps.queue.schedulePoll(registered.id, firstPollMs(registered.id, deps.pace));
    await deps.queue.pollNow(registered.id);
    const text = `paired ${draft.folder} with container "${draft.container}" of store "${draft.store.name}"`;
    await note(deps, registered, text);
    return pairView(registered, 'starting', await deps.registry.pairsOnContainerOf(registered));
  } finally {
    await sides.folder.close();
    await sides.store.close();
  }
}

async function draftPair(deps: PairsDeps, request: PairAddRequest): Promise<Pair> {
  assertLabel('pair', request.name);
  assertVolume(request.volume);
  if (request.container === '' || request.container.includes('/')) {
    throw new HoldfastError(
      'usage',
      `"${request.container}" cannot name a container; it must not be empty nor hold a slash`,
    );
  }
  const policies = readPolicies(request.policies);
  const pairs = await deps.registry.listPairs();
  if (pairs.some((pair) => pair.name === request.name)) {
    throw new HoldfastError(
      'already-exists',
      `there is a pair "${request.name}" already; choose another name or run: holdfast pair remove ${request.name}`,
    );
  }
  const store = (await deps.registry.listStores()).find((known) => known.name === request.store);
  if (store === undefined) {
    throw new HoldfastError(
      'not-found',
      `there is no store "${request.store}"; holdfast store list shows all, holdfast store add adds one`,
    );
  }
  const folder = await deps.sides.resolveFolder(request.folder);
  assertApart(folder, request.volume, pairs);
  return {
    id: 0,
    uid: deps.clock.uniqueId(),
    name: request.name,
    store,
    container: request.container,
    identity: null,
    containerCreatedAt: null,
    folder,
    volume: request.volume,
    policies,
    excludes: request.excludes,
    ignoreText: '',
    versioning: request.versioning,
    capabilities: null,
    folderFacts: null,
    retention: request.retention,
    paused: false,
    disabled: null,
    union: null,
    revision: 0,
    scanWanted: 0n,
    scanDone: 0n,
    pollWanted: 0n,
    pollDone: 0n,
    generations: NO_GENERATIONS,
  };
}

function readPolicies(words: readonly string[]): Policies {
  try {
    return parsePolicies(words);
  } catch (thrown) {
    throw new HoldfastError('usage', (thrown as RangeError).message, { cause: thrown });
  }
}

/** One file must never belong to two pairs: their syncs would feed each other. */
function assertApart(folder: string, volume: string, pairs: readonly Pair[]): void {
  const below = (inner: string, outer: string): boolean =>
    inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`);
  const clash = pairs.find(
    (pair) => pair.volume === volume && (below(folder, pair.folder) || below(pair.folder, folder)),
  );
  if (clash === undefined) return;
  const how = clash.folder === folder ? 'is' : below(folder, clash.folder) ? 'lies inside' : 'contains';
  throw new HoldfastError(
    'already-exists',
    `${folder} ${how} the folder of pair "${clash.name}" (${clash.folder}); choose a folder apart from it`,
  );
}

async function attachAndRegister(
  deps: PairsDeps,
  draft: Pair,
  sides: PairSides,
  request: PairAddRequest,
): Promise<Pair> {
  const folderFacts = await sides.folder.attach(draft.uid);
  try {
    const container = await sides.store.attach({
      create: request.create,
      versioning: request.versioning,
      identity: draft.uid,
    });
    const { uid, name, folder, volume, policies, excludes, versioning } = draft;
    return await deps.registry.addPair({
      uid,
      name,
      storeId: draft.store.id,
      container: draft.container,
      identity: container.identity,
      containerCreatedAt: container.createdAt,
      folder,
      volume,
      policies,
      excludes,
      ignoreText: (await readIgnoreText(sides.folder)) ?? '',
      versioning,
      capabilities: sides.store.capabilities,
      folderFacts,
      retention: draft.retention,
    });
  } catch (thrown) {
    await sides.folder.detach();
    throw thrown;
  }
}

export async function listPairs(deps: PairsDeps): Promise<readonly PairView[]> {
  const pairs = await deps.registry.listPairs();
  const holds = await readHolds(deps);
  return Promise.all(pairs.map((pair) => viewOf(deps, pair, pairs, holds)));
}

async function viewOf(deps: PairsDeps, pair: Pair, all: readonly Pair[], holds: Holds): Promise<PairView> {
  const counts = await deps.archive.counts(pair.id);
  return pairView(pair, conditionOf(pair, counts, heldBecause(pair, holds)), all);
}

export async function pairStatus(
  deps: PairsDeps,
  pair: Pair,
  all: readonly Pair[],
  holds: Holds,
): Promise<PairStatus> {
  const { waitingDeletes, ...counts } = await deps.archive.counts(pair.id);
  const held = heldBecause(pair, holds);
  const condition = conditionOf(pair, { waitingDeletes, ...counts }, held);
  return {
    ...pairView(pair, condition, all),
    ...counts,
    ...workOf({ waitingDeletes, ...counts }, held),
    heldDeletes: held === null || waitingDeletes === 0 ? null : { names: waitingDeletes, ...held },
  };
}

export async function pausePair(deps: PairsDeps, name: string): Promise<PairView> {
  const pair = await findPair(deps.registry, name);
  await deps.registry.setPaused(pair.id, true);
  await deps.queue.unschedulePoll(pair.id);
  await note(deps, pair, 'paused');
  return showPair(deps, name);
}

export async function setPair(deps: PairsDeps, { name, retention }: PairSetRequest): Promise<PairView> {
  const pair = await findPair(deps.registry, name);
  const changed = { ...pair.retention, ...retention };
  await deps.registry.setRetention(pair.id, changed, keptMs({ retention: changed }, deps.trashMs));
  await note(deps, pair, `displaced content is kept ${describeRetention(changed)}`);
  return showPair(deps, name);
}

function describeRetention({ days, bytes }: Retention): string {
  const time = days === null ? 'as long as configured' : `for ${days} days`;
  return bytes === null ? time : `${time}, ${bytes} bytes in the trash at most`;
}

export async function removePair(deps: PairsDeps, name: string): Promise<void> {
  const pair = await findPair(deps.registry, name);
  // Paused first, so that no process goes on with it while it is taken apart.
  await deps.registry.setPaused(pair.id, true);
  await deps.queue.unschedulePoll(pair.id);
  const sides = await deps.sides.openNew(pair);
  try {
    await sides.folder.detach();
    await forgetInContainer(sides.store);
  } finally {
    await sides.folder.close();
    await sides.store.close();
  }
  await deps.registry.removePair(pair.id);
}

/** A store that is gone or refuses us keeps a line of metadata that nobody reads; that must not keep the pair. */
async function forgetInContainer(store: ObjectStore): Promise<void> {
  try {
    await store.detach();
  } catch (thrown) {
    if (!(thrown instanceof HoldfastError)) throw thrown;
  }
}

export async function showPair(deps: PairsDeps, name: string): Promise<PairView> {
  const pair = await findPair(deps.registry, name);
  return viewOf(deps, pair, await deps.registry.pairsOnContainerOf(pair), await readHolds(deps));
}

/** What an operator did, and who it was, in the pair's history. */
export async function note(deps: PairsDeps, pair: Pair, text: string): Promise<void> {
  const event = { name: null, kind: 'operator', side: null, serial: null } as const;
  await deps.archive.appendHistory(pair.id, [{ ...event, text: `${text}${by(deps)}` }]);
}

/** Ends a sentence about what an operator did. */
export function by({ actor }: Pick<PairsDeps, 'actor'>): string {
  return actor === undefined ? '' : `, by ${actor}`;
}
