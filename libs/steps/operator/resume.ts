/**
 * Resume: what `holdfast pair resume` does. Looks at both sides first; one that was replaced is
 * taken as the pair's from now on, since only an operator can say so, and both sides are
 * united. A cause that is still there leaves the pair as it was.
 */

import { asHoldfastError } from '#ports/errors.ts';
import type { ContainerFacts } from '#ports/object-store.ts';
import type { PairView } from '#ports/operator.ts';
import type { Pair } from '#ports/pair.ts';
import type { Union } from '#ports/registry.ts';
import type { PairSides } from '#ports/sides.ts';
import { assertContainer, assertFolder, Restored } from '../continuity.ts';
import { firstPollMs } from '../poll-pace.ts';
import { findPair, note, type PairsDeps, showPair } from './pairs.ts';

/**
 * @param union to unite both sides although nothing shows that one of them went back in time.
 * @throws HoldfastError when the cause of a disabling is still there: then the pair stays disabled.
 */
export async function resumePair(deps: PairsDeps, name: string, union: boolean): Promise<PairView> {
  const pair = await findPair(deps.registry, name);
  if (pair.disabled !== null || union) await mendPair(deps, pair, union);
  await deps.registry.forgetUnion(pair.id);
  await deps.registry.setPaused(pair.id, false);
  await deps.registry.requestSync(pair.id);
  await deps.queue.schedulePoll(pair.id, firstPollMs(pair.id, deps.pace));
  await deps.queue.pollNow(pair.id);
  await note(deps, pair, union ? 'resumed as a union of both sides' : 'resumed');
  return showPair(deps, name);
}

async function mendPair(deps: PairsDeps, pair: Pair, wanted: boolean): Promise<void> {
  const sides = await deps.sides.openNew(pair);
  try {
    const folder = await lookAtFolder(deps, pair, sides);
    const container = await lookAtContainer(deps, pair, sides);
    const restored = folder.restored ?? container.restored;
    const attached = { folder: folder.isReplaced, container: container.attached };
    if (wanted || restored !== null || attached.folder || attached.container !== null) {
      const { known, found } = restored ?? { known: pair.generations, found: null };
      await deps.registry.startUnion(pair.id, { reason: null, known, found, attached });
    }
    // Last: from here on the folder counts as the pair's, and what it lacks must be forgotten by then.
    if (folder.isReplaced) await sides.folder.attach(pair.uid);
    await deps.registry.enable(pair.id);
  } finally {
    await sides.folder.close();
    await sides.store.close();
  }
}

async function lookAtFolder(
  deps: PairsDeps,
  pair: Pair,
  { folder }: PairSides,
): Promise<{ readonly isReplaced: boolean; readonly restored: Union | null }> {
  try {
    await assertFolder(pair, folder, deps.registry);
    return { isReplaced: false, restored: null };
  } catch (thrown) {
    if (thrown instanceof Restored) return { isReplaced: false, restored: thrown.union };
    if (!isToldCause(pair, thrown) || pair.disabled?.code !== 'folder-unmarked') throw thrown;
    return { isReplaced: true, restored: null };
  }
}

async function lookAtContainer(
  deps: PairsDeps,
  pair: Pair,
  { store }: PairSides,
): Promise<{ readonly attached: ContainerFacts | null; readonly restored: Union | null }> {
  try {
    await assertContainer(pair, store, deps.registry);
    return { attached: null, restored: null };
  } catch (thrown) {
    if (thrown instanceof Restored) return { attached: null, restored: thrown.union };
    const code = pair.disabled?.code;
    if (!isToldCause(pair, thrown) || (code !== 'container-replaced' && code !== 'container-missing'))
      throw thrown;
    const create = code === 'container-missing';
    const identity = deps.clock.uniqueId();
    return {
      attached: await store.attach({ create, versioning: pair.versioning, identity }),
      restored: null,
    };
  }
}

/** Whether it is what the operator was told, and so has answered to. */
function isToldCause(pair: Pair, thrown: unknown): boolean {
  return asHoldfastError(thrown).code === pair.disabled?.code;
}
