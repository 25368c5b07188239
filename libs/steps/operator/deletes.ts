/** Deletes: those that wait for an operator, why, and the answer, which is for all of them (invariant 7). */
import type { HeldDelete } from '#ports/delete-gate.ts';
import type { DeletesAnswer, HeldDeleteView } from '#ports/operator.ts';
import { heldBecause, readHolds } from './holds.ts';
import { findPair, note, type PairsDeps } from './pairs.ts';

const PAGE = 10_000;

/** @throws HoldfastError not-found */
export async function listHeldDeletes(deps: PairsDeps, name: string): Promise<readonly HeldDeleteView[]> {
  const pair = await findPair(deps.registry, name);
  const held = heldBecause(pair, await readHolds(deps));
  if (held === null) return [];
  const found: HeldDeleteView[] = [];
  let page: readonly HeldDelete[] = [];
  do {
    page = await deps.archive.pageHeldDeletes(pair.id, page.at(-1)?.name ?? null, PAGE);
    found.push(...page.map((each) => heldDeleteView(each, held.because)));
  } while (page.length === PAGE);
  return found;
}

function heldDeleteView(
  { name, side, size, decidedAt }: HeldDelete,
  because: HeldDeleteView['because'],
): HeldDeleteView {
  return { name, side, size, since: decidedAt.toISOString(), because };
}

/** Deletes that wait for more of them, and not for an operator, are left alone. @throws HoldfastError not-found */
export async function answerDeletes(
  deps: PairsDeps,
  name: string,
  answer: DeletesAnswer['answer'],
): Promise<DeletesAnswer> {
  const pair = await findPair(deps.registry, name);
  if (heldBecause(pair, await readHolds(deps)) === null) return { pair: name, answer, names: 0 };
  const names =
    answer === 'approved'
      ? await deps.archive.approveDeletes(pair.id)
      : await deps.archive.revertDeletes(pair.id);
  await note(deps, pair, `${answer} ${names} held deletes`);
  await deps.queue.wake(pair.volume, pair.id);
  return { pair: name, answer, names };
}
