/** Trash: what commits displaced, and putting it back where nothing took its place. */
import { nameFault, toName } from '#core/name.ts';
import type { TrashedContent } from '#ports/archive.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { TrashView } from '#ports/operator.ts';
import { findPair, type PairsDeps } from './pairs.ts';

export async function listTrash(deps: PairsDeps, pairName: string): Promise<readonly TrashView[]> {
  const pair = await findPair(deps.registry, pairName);
  return (await deps.archive.trash(pair.id, null)).map(trashView);
}

/** Puts the newest displaced content of a name back, here; it is then synced like any new file. */
export async function restoreTrash(deps: PairsDeps, pairName: string, path: string): Promise<TrashView> {
  const pair = await findPair(deps.registry, pairName);
  const missing = new HoldfastError(
    'not-found',
    `the trash of pair "${pairName}" holds nothing named "${path}"; holdfast trash ${pairName} list shows all`,
  );
  if (nameFault(path) !== null) throw missing;
  const name = toName(path);
  const local = (await deps.archive.trash(pair.id, name)).filter((item) => item.pointer.kind === 'trash');
  const newest = local.toSorted((a, b) => b.displacedAt.getTime() - a.displacedAt.getTime())[0];
  if (newest === undefined) throw missing;
  const { folder } = await deps.sides.open(pair);
  if (!(await folder.restore(name, newest.pointer))) {
    throw new HoldfastError(
      'already-exists',
      `"${path}" exists in ${pair.folder}; move it away first, then restore again`,
    );
  }
  await deps.archive.settleTrash(newest.id, 'gone');
  await deps.archive.appendHistory(pair.id, [
    {
      name,
      kind: 'restored',
      side: 'local',
      serial: newest.serial,
      text: 'restored from the trash by an operator',
    },
  ]);
  await deps.archive.mark(pair.id, 'local', [name]);
  await deps.queue.wake(pair.volume, pair.id);
  return trashView(newest);
}

function trashView(item: TrashedContent): TrashView {
  return {
    name: item.name,
    side: item.side,
    kind: item.pointer.kind,
    locator: item.pointer.locator,
    size: item.pointer.size,
    displacedAt: item.displacedAt.toISOString(),
    expiresAt: item.expiresAt.toISOString(),
  };
}
