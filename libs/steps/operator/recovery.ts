/**
 * Recovery: whether everything that was displaced can be got back. Each recovery pointer within
 * its retention is followed to the content, and each content in a trash to its pointer.
 */

import { mapLimit } from '#core/map-limit.ts';
import type { Name } from '#core/name.ts';
import type { Archive, TrashedContent } from '#ports/archive.ts';
import { StaleContent } from '#ports/content.ts';
import { asHoldfastError } from '#ports/errors.ts';
import type { RecoveryView, UnreachableView } from '#ports/operator.ts';
import type { Pair } from '#ports/pair.ts';
import type { PairSides } from '#ports/sides.ts';
import { stageVersion } from '../trash.ts';
import { chosenPairs, type PairsDeps } from './pairs.ts';

const PAGE = 500;
/** Questions to one pair's sides at once. */
const AT_ONCE = 8;
/** What was put into the trash this recently may still be told by its own commit. */
const COMMIT_MS = 120_000;

/** How far the check goes: that content is there, or that every byte of it is what was displaced. */
export type Depth = 'presence' | 'content';

/** @param name null for all pairs. A pair that cannot be looked at says why and never hides the next. */
export async function checkRecovery(
  deps: PairsDeps,
  name: string | null,
  depth: Depth,
): Promise<readonly RecoveryView[]> {
  const views: RecoveryView[] = [];
  for (const pair of await chosenPairs(deps, name)) {
    const found = new Findings(pair.name);
    try {
      const sides = await deps.sides.open(pair);
      await sides.folder.check();
      await followPointers(deps, pair, sides, depth, found);
      await findUntold(deps, pair, sides, found);
    } catch (thrown) {
      found.failure = asHoldfastError(thrown).message;
    }
    views.push(found.view());
  }
  return views;
}

class Findings {
  checked = 0;
  failure: string | null = null;
  readonly missing: UnreachableView[] = [];
  readonly untold: UnreachableView[] = [];
  private readonly pair: string;

  constructor(pair: string) {
    this.pair = pair;
  }

  view(): RecoveryView {
    const { pair, checked, missing, untold, failure } = this;
    const isWhole = missing.length === 0 && untold.length === 0 && failure === null;
    return { pair, isWhole, checked, missing, untold, failure };
  }
}

async function followPointers(
  { archive, clock }: PairsDeps,
  pair: Pair,
  sides: PairSides,
  depth: Depth,
  found: Findings,
): Promise<void> {
  for (let after = 0n; ; ) {
    const page = await archive.pageTrash(pair.id, after, PAGE);
    const kept = page.filter(({ expiresAt }) => expiresAt.getTime() > clock.now());
    await mapLimit(kept, AT_ONCE, async (item) => {
      const text = await whatIsWrong(item, sides, depth);
      found.checked += 1;
      if (text !== null && (await isStillTold(archive, pair.id, item, clock.now()))) {
        found.missing.push(unreachable(item, item.displacedAt.getTime(), item.side, text));
      }
    });
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}

/** Retention may end while its content is looked for. */
async function isStillTold(
  archive: Archive,
  pairId: number,
  { id }: TrashedContent,
  now: number,
): Promise<boolean> {
  const [item] = await archive.pageTrash(pairId, id - 1n, 1);
  return item?.id === id && item.expiresAt.getTime() > now;
}

/** One sentence; null when the content can be got back. */
async function whatIsWrong(item: TrashedContent, sides: PairSides, depth: Depth): Promise<string | null> {
  switch (item.pointer.kind) {
    case 'trash':
      return inTrash(item, sides, depth);
    case 'version':
      return inStore(item, sides, depth);
    case 'copy':
      return (await isAt(item.pointer.locator as Name, item, sides)) ? null : 'its copy is gone';
  }
}

async function inTrash(item: TrashedContent, sides: PairSides, depth: Depth): Promise<string | null> {
  const { name, pointer } = item;
  const { folder, store } = sides;
  const digest = depth === 'content' && pointer.hash !== null ? store.digest : null;
  const seen = await folder.inspect(pointer, digest);
  if (seen === null) {
    // Put back by a restore that could not say so any more.
    return (await isAt(name, item, sides)) ? null : 'the trash no longer holds it';
  }
  if (digest === null) return null;
  return seen.hash === pointer.hash ? null : `what the trash holds of "${name}" is not what was displaced`;
}

async function isAt(name: Name, { pointer }: TrashedContent, { folder, store }: PairSides): Promise<boolean> {
  const probed = await folder.probe(name);
  if (probed.result !== 'state' || probed.state.kind !== 'file') return false;
  if (probed.state.size !== pointer.size) return false;
  return pointer.hash === null || (await folder.hash(name, probed.state, store.digest)) === pointer.hash;
}

async function inStore(
  { name, pointer }: TrashedContent,
  { store }: PairSides,
  depth: Depth,
): Promise<string | null> {
  const gone = 'the store no longer keeps this version';
  const staged = await stageVersion(store, name, pointer);
  if (staged.result !== 'staged' || staged.content.kind !== 'file') return gone;
  const { content } = staged;
  try {
    const end = depth === 'content' ? pointer.size : Math.min(1, pointer.size);
    for await (const _ of content.read(0, end));
    return null;
  } catch (thrown) {
    if (thrown instanceof StaleContent) return gone;
    throw thrown;
  } finally {
    await content.release();
  }
}

async function findUntold(
  { archive, clock }: PairsDeps,
  pair: Pair,
  { folder }: PairSides,
  found: Findings,
): Promise<void> {
  const text = 'no recovery pointer tells of it; the next full scan makes one';
  for await (const item of folder.trashed((places) => archive.recordedTrash(pair.id, places))) {
    if (item.displacedAt >= clock.now() - COMMIT_MS) continue;
    // Discarding takes the content before the pointer, so what was just being discarded is gone by now.
    if ((await folder.inspect(item.pointer, null)) === null) continue;
    found.untold.push(unreachable(item, item.displacedAt, 'local', text));
  }
}

function unreachable(
  { name, pointer }: Pick<TrashedContent, 'name' | 'pointer'>,
  displacedAt: number,
  side: string,
  text: string,
): UnreachableView {
  const { kind, locator, size } = pointer;
  return { name, side, kind, locator, size, displacedAt: new Date(displacedAt).toISOString(), text };
}
