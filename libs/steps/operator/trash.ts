/** Trash: what commits displaced on either side, and putting it back where nothing took its place. */
import { conflictName } from '#core/conflict-name.ts';
import { type Name, nameFault, toName } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import type { TrashedContent } from '#ports/archive.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { TrashRestoreRequest, TrashView } from '#ports/operator.ts';
import type { Pair } from '#ports/pair.ts';
import type { PairSides } from '#ports/sides.ts';
import { stageVersion } from '../trash.ts';
import { findPair, type PairsDeps } from './pairs.ts';

export async function listTrash(deps: PairsDeps, pairName: string): Promise<readonly TrashView[]> {
  const pair = await findPair(deps.registry, pairName);
  return keptOf(deps, pair, null);
}

/** What can be got back of one name, or of all. */
export async function keptOf(deps: PairsDeps, pair: Pair, name: Name | null): Promise<readonly TrashView[]> {
  return (await deps.archive.trash(pair.id, name)).filter(isKept(deps)).map(trashView);
}

function isKept({ clock }: PairsDeps): (item: TrashedContent) => boolean {
  return ({ expiresAt }) => expiresAt.getTime() > clock.now();
}

/** Puts displaced content back into the folder; it is then synced like any new file. */
export async function restoreTrash(
  deps: PairsDeps,
  pairName: string,
  request: TrashRestoreRequest,
): Promise<TrashView> {
  const pair = await findPair(deps.registry, pairName);
  const item = await chosen(deps, pair, request);
  const name = request.as === null ? item.name : nameFor(request.as);
  const sides = await deps.sides.open(pair);
  if (item.pointer.kind === 'trash') {
    if (!(await sides.folder.restore(name, item.pointer))) throw taken(pair, name);
    await deps.archive.settleTrash(item.id, 'gone');
  } else {
    await restoreVersion(pair, sides, item, name);
  }
  const source = item.pointer.kind === 'trash' ? 'the trash' : `version ${item.pointer.locator} upstream`;
  const of = name === item.name ? '' : `, where "${item.name}" was`;
  await deps.archive.appendHistory(pair.id, [
    {
      name,
      kind: 'restored',
      side: 'local',
      serial: item.serial,
      text: `restored by ${deps.actor ?? 'an operator'} from ${source}${of}`,
    },
  ]);
  await deps.archive.mark(pair.id, 'local', [name]);
  await deps.queue.wake(pair.volume, pair.id);
  return trashView(item);
}

/** The newest of a name unless one is named. */
async function chosen(
  deps: PairsDeps,
  pair: Pair,
  { path, item: wanted }: TrashRestoreRequest,
): Promise<TrashedContent> {
  const items =
    nameFault(path) === null ? (await deps.archive.trash(pair.id, toName(path))).filter(isKept(deps)) : [];
  const byAge = items.toSorted((a, b) => a.displacedAt.getTime() - b.displacedAt.getTime());
  const found = wanted === null ? byAge.at(-1) : byAge.find(({ id }) => String(id) === wanted);
  if (found !== undefined) return found;
  const what = wanted === null ? 'nothing' : `no item ${wanted}`;
  throw new HoldfastError(
    'not-found',
    `the trash of pair "${pair.name}" holds ${what} named "${path}"; holdfast trash ${pair.name} list shows all`,
  );
}

function nameFor(path: string): Name {
  if (nameFault(path) === null) return toName(path);
  throw new HoldfastError('usage', `"${path}" cannot be a name in a pair; give a path below its folder`);
}

function taken(pair: Pair, name: Name): HoldfastError {
  return new HoldfastError(
    'already-exists',
    `"${name}" exists in ${pair.folder}; move it away first, or restore under another name with --as`,
  );
}

/** A version stays with the store; its content comes as a new file. */
async function restoreVersion(
  pair: Pair,
  { folder, store }: PairSides,
  { name: displaced, pointer, serial }: TrashedContent,
  name: Name,
): Promise<void> {
  const probed = await folder.probe(name);
  if (probed.result !== 'state' || probed.state.kind !== 'absent') throw taken(pair, name);
  const staged = await stageVersion(store, displaced, pointer);
  if (staged.result !== 'staged') throw lost(displaced, pointer.locator);
  try {
    const outcome = await folder.pull(name, staged.content, {
      expected: ABSENT,
      displaced: 'recoverable',
      serial,
      conflictName: (at, attempt) => conflictName(name, at, 'restored', attempt),
    });
    if (outcome.result === 'stale') throw lost(displaced, pointer.locator);
    if (outcome.result === 'blocked') throw taken(pair, name);
  } finally {
    await staged.content.release();
  }
}

function lost(name: Name, version: string): HoldfastError {
  return new HoldfastError(
    'not-found',
    `version ${version} of "${name}" could not be restored: the store no longer keeps it, or something new took its name here`,
  );
}

export function trashView(item: TrashedContent): TrashView {
  return {
    item: String(item.id),
    name: item.name,
    side: item.side,
    kind: item.pointer.kind,
    locator: item.pointer.locator,
    size: item.pointer.size,
    displacedAt: item.displacedAt.toISOString(),
    expiresAt: item.expiresAt.toISOString(),
  };
}
