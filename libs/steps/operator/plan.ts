/**
 * Plan: what a sync would do, doing nothing. Walks the folder, the listing and the archive
 * side by side and asks the same pure decision; content is read only where equal sizes
 * make its hash matter. Nothing is written on any side.
 */
import { decide } from '#core/decide.ts';
import type { Entry } from '#core/entry.ts';
import { ancestorsOf, type Name, nameFault } from '#core/name.ts';
import { ABSENT, type LocalState, type RemoteState, sameLocalFacts } from '#core/state.ts';
import type { Archive } from '#ports/archive.ts';
import type { PlanItem } from '#ports/operator.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import type { PairSides } from '#ports/sides.ts';
import { assertContainer, assertFolder } from '../continuity.ts';
import { mergeByName, pages } from '../merge.ts';
import { actionOf } from './views.ts';

const BATCH = 500;
const LIST_LIMIT = 10_000;

interface Live {
  readonly name: Name;
  readonly local: LocalState;
  readonly remote: RemoteState;
}

export interface PlanDeps {
  readonly archive: Archive;
  readonly registry: Pick<Registry, 'loadPair'>;
}

/** @throws HoldfastError when a side cannot be looked at as a whole, or when what it is compared with is of another time. */
export async function planSync(
  { archive, registry }: PlanDeps,
  pair: Pair,
  sides: PairSides,
): Promise<readonly PlanItem[]> {
  await assertFolder(pair, sides.folder, registry);
  await assertContainer(pair, sides.store, registry);
  const items: PlanItem[] = [];
  const impliedDirectories = new Set<string>();
  const planned: Entry[] = [];
  let batch: Live[] = [];
  const flush = async (): Promise<void> => {
    const lives = batch;
    batch = [];
    const entries = await archive.load(
      pair.id,
      lives.map((live) => live.name),
    );
    for (const [index, known] of entries.entries()) {
      const live = lives[index] as Live;
      const entry = await asIfProbed(known, live, sides);
      // What is decided without looking at other names is left out here, so that memory follows the changes.
      if (decide(entry, pair.policies).kind !== 'none' || entry.local.kind === 'directory')
        planned.push(entry);
    }
  };
  const walked = localNames(sides);
  const listed = remoteNames(sides, impliedDirectories);
  const known = syncedNames(archive, pair);
  for await (const step of mergeByName(merged(walked, listed), known)) {
    if (step.in === 'right' && sides.isExcluded(step.right.name, false)) continue;
    batch.push(step.in === 'right' ? { name: step.right.name, local: ABSENT, remote: ABSENT } : step.left);
    if (batch.length >= BATCH) await flush();
  }
  await flush();
  for (const entry of planned) {
    const decision = decide(
      { ...entry, remoteHasChildren: impliedDirectories.has(entry.name) },
      pair.policies,
    );
    const action = actionOf(decision);
    if (action === null || action === 'acknowledge') continue;
    items.push({ name: entry.name, action, reason: decision.reason, bytes: bytesOf(decision, entry) });
  }
  return items;
}

async function asIfProbed(known: Entry, live: Live, sides: PairSides): Promise<Entry> {
  const isSame = sameLocalFacts(live.local, known.local, 'with-ctime');
  let local = isSame ? known.local : live.local;
  const sizes = [known.sync, live.remote].map((state) => (state.kind === 'file' ? state.size : -1));
  if (local.kind === 'file' && local.hash === null && sizes.includes(local.size)) {
    const hash = await sides.folder.hash(known.name, local, sides.store.digest);
    local = { ...local, hash };
  }
  return { ...known, local, remote: live.remote };
}

function bytesOf(decision: ReturnType<typeof decide>, entry: Entry): number {
  if (decision.kind !== 'transfer') return 0;
  if (decision.action === 'upload') return entry.local.kind === 'file' ? entry.local.size : 0;
  if (decision.action === 'download') return entry.remote.kind === 'file' ? entry.remote.size : 0;
  return 0;
}

async function* localNames(sides: PairSides): AsyncGenerator<{ name: Name; state: LocalState }> {
  for await (const item of sides.folder.walk(sides.isExcluded)) {
    if (item.kind === 'entry') yield { name: item.name, state: item.state };
  }
}

async function* remoteNames(
  sides: PairSides,
  implied: Set<string>,
): AsyncGenerator<{ name: Name; state: RemoteState }> {
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof sides.store.list>> = await sides.store.list(after, LIST_LIMIT);
    for (const { rawName, state } of page.objects) {
      if (nameFault(rawName) !== null) continue;
      const name = rawName as Name;
      if (sides.isExcluded(name, state.kind === 'directory')) continue;
      for (const above of ancestorsOf(name)) implied.add(above);
      yield { name, state };
    }
    after = page.next;
  } while (after !== null);
}

async function* merged(
  locals: AsyncIterable<{ name: Name; state: LocalState }>,
  remotes: AsyncIterable<{ name: Name; state: RemoteState }>,
): AsyncGenerator<Live> {
  for await (const step of mergeByName(locals, remotes)) {
    const name = step.in === 'right' ? step.right.name : step.left.name;
    yield {
      name,
      local: step.in === 'right' ? ABSENT : step.left.state,
      remote: step.in === 'left' ? ABSENT : step.right.state,
    };
  }
}

/** Names that either archive remembers: those on no side any more are what a sync would delete. */
async function* syncedNames(archive: Archive, pair: Pair): AsyncGenerator<{ name: Name }> {
  const locals = pages((after, limit) => archive.pageLocal(pair.id, after, limit), LIST_LIMIT);
  const remotes = pages((after, limit) => archive.pageRemote(pair.id, after, limit), LIST_LIMIT);
  for await (const step of mergeByName(locals, remotes))
    yield { name: step.in === 'right' ? step.right.name : step.left.name };
}
