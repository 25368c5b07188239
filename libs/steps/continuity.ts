/**
 * Continuity: whether folder, container and database still are the ones that were synced last,
 * and as recent as they were (invariant 6). Asked before anything is concluded from a side. Of
 * a side that was replaced nothing is concluded; where one went back in time, the pair starts
 * again as a union, which deletes nothing.
 */
import type { Side } from '#core/entry.ts';
import {
  type Continuity,
  continuityOf,
  type PairGenerations,
  type SideGeneration,
  toldByContainer,
} from '#core/generation.ts';
import { type ErrorCode, HoldfastError } from '#ports/errors.ts';
import type { LocalFolder } from '#ports/local-folder.ts';
import type { ContainerFacts, ObjectStore } from '#ports/object-store.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry, Union } from '#ports/registry.ts';

/** A side or the database went back in time: work on the pair ends, and a union begins. */
export class Restored extends HoldfastError {
  readonly union: Union;

  constructor(code: ErrorCode, reason: string, union: Omit<Union, 'reason' | 'attached'>) {
    super(code, reason);
    this.name = 'Restored';
    this.union = { ...union, reason, attached: { folder: false, container: null } };
  }
}

type PairReader = Pick<Registry, 'loadPair'>;

/** @throws HoldfastError folder-missing, folder-unmarked, folder-denied; Restored */
export async function assertFolder(pair: Pair, folder: LocalFolder, registry: PairReader): Promise<void> {
  await assertKept(pair, 'local', await folder.check(), registry);
}

/** @throws HoldfastError container-missing, container-replaced, credentials-refused, store-*; Restored */
export async function assertContainer(
  pair: Pair,
  store: ObjectStore,
  registry: PairReader,
): Promise<ContainerFacts> {
  let facts = await store.container();
  // A replica that fell behind is no other container.
  if (
    !isSameContainer(pair, facts) ||
    continuityOf(pair.generations, 'remote', toldOf(facts, pair)) !== 'kept'
  )
    facts = await store.container('newest');
  if (!isSameContainer(pair, facts)) {
    throw new HoldfastError(
      'container-replaced',
      `the container "${pair.container}" is not the one that was synced last, but another one of that name`,
    );
  }
  await assertKept(pair, 'remote', toldOf(facts, pair), registry);
  return facts;
}

function isSameContainer(pair: Pair, { identity, createdAt }: ContainerFacts): boolean {
  if (pair.identity !== null && identity !== pair.identity) return false;
  return pair.containerCreatedAt === null || createdAt === null || createdAt === pair.containerCreatedAt;
}

function toldOf(facts: ContainerFacts, pair: Pair): SideGeneration {
  return { ...toldByContainer(facts.generations, pair.generations), stamp: null };
}

async function assertKept(
  pair: Pair,
  side: Side,
  found: SideGeneration,
  registry: PairReader,
): Promise<void> {
  let known = pair.generations;
  const continuity = continuityOf(known, side, found);
  if (continuity === 'kept') return;
  if (continuity === 'database-older') {
    // Perhaps it only began after `pair` was read: the database always knows of it before a side does.
    const now = await registry.loadPair(pair.id);
    if (now === null || now.generations.begun.number >= found.number) return;
    known = now.generations;
  }
  const { code, reason } = describe(pair, side, continuity, found, known);
  throw new Restored(code, reason, { known, found: { side, generation: found } });
}

function describe(
  pair: Pair,
  side: Side,
  continuity: Exclude<Continuity, 'kept'>,
  found: SideGeneration,
  known: PairGenerations,
): { readonly code: ErrorCode; readonly reason: string } {
  const what = side === 'local' ? `the folder ${pair.folder}` : `the container "${pair.container}"`;
  const code = side === 'local' ? 'folder-restored' : 'container-restored';
  switch (continuity) {
    case 'side-older':
      return {
        code,
        reason: `${what} was restored from a backup: it is of generation ${found.number}, and was at ${known.told[side].number} before`,
      };
    case 'side-copied':
      return { code, reason: `${what} is a copy of the one that was synced last` };
    case 'database-older':
      return {
        code: 'database-restored',
        reason: `the state database was restored from a backup: ${what} is of generation ${found.number}, which it does not know yet`,
      };
  }
}
