/** Registry on PostgreSQL: stores and new pairs through the Prisma client, all else as single statements. */
import { HoldfastError } from '#ports/errors.ts';
import type { NewPair, NewStore, Pair, StoreKind, StoreRecord } from '#ports/pair.ts';
import type { Registry, SyncTokens } from '#ports/registry.ts';
import { type Connection, isDuplicate, isStillReferred, type Session } from './connection.ts';
import type { Prisma, PrismaClient, Store as StoreRow } from './generated/client.ts';
import { allPairs, pairNamed, pairsOf, pairsOnContainerOf } from './sql/find-pairs.ts';
import { beginGenerations, confirmGeneration } from './sql/generation.ts';
import { type Held, lease, leases, releaseLeases } from './sql/lease.ts';
import { disablePair, enablePair, finishPoll, finishScan, requestSync } from './sql/pair-condition.ts';
import { purgeTombstones } from './sql/purge-tombstones.ts';
import { setRetention } from './sql/set-retention.ts';
import { startUnion } from './sql/start-union.ts';

export function createRegistry(connection: Connection): Registry {
  const { prisma, pool, guard, transaction } = connection;
  const leased = new LeasedPairs();
  return {
    addStore: (store) => guard(async () => addStore(await prisma(), store)),
    listStores: () =>
      guard(async () => (await (await prisma()).store.findMany({ orderBy: { name: 'asc' } })).map(toStore)),
    removeStore: (name) => guard(async () => removeStore(await prisma(), name)),

    addPair: (pair) => guard(() => addPair(connection, pair)),
    listPairs: () => guard(() => allPairs(pool)),
    findPair: (name) => guard(() => pairNamed(pool, name)),
    pairsOnContainerOf: (pair) => guard(() => pairsOnContainerOf(pool, pair)),
    loadPair: (id) => guard(async () => (await pairsOf(pool, [id]))[0] ?? null),
    removePair: (id) =>
      guard(async () => {
        await (await prisma()).pair.deleteMany({ where: { id } });
      }),
    setPaused: (id, paused) =>
      guard(async () => {
        await (await prisma()).pair.updateMany({
          where: { id, paused: !paused },
          data: { paused, revision: { increment: 1 } },
        });
      }),
    setRetention: (id, retention, keptMs) => guard(() => setRetention(pool, id, retention, keptMs)),
    disable: (id, code, reason) => guard(() => disablePair(pool, id, code, reason)),
    enable: (id) => guard(() => enablePair(pool, id)),
    startUnion: (id, union) => transaction((session) => startUnion(session, id, union)),
    forgetUnion: (id) =>
      guard(async () => {
        await (await prisma()).pair.updateMany({
          where: { id, NOT: { unionReason: null } },
          data: { unionReason: null, unionAt: null, revision: { increment: 1 } },
        });
      }),
    beginGenerations: (minAgeMs) => guard(() => beginGenerations(pool, minAgeMs)),
    confirmGeneration: (id, side, told) => guard(() => confirmGeneration(pool, id, side, told)),
    setIgnoreText: (id, text) =>
      guard(async () => {
        await (await prisma()).pair.updateMany({
          where: { id, NOT: { ignoreText: text } },
          data: { ignoreText: text, revision: { increment: 1 } },
        });
      }),

    requestSync: (id) => guard(() => requestSyncOf(pool, id)),
    finishScan: (id, token) => guard(() => finishScan(pool, id, token)),
    finishPoll: (id, token) =>
      guard(async () => {
        await finishPoll(pool, id, token);
        await purgeTombstones(pool, id);
      }),

    lease: async (owner, volumes, ttlMs) => {
      const held = await transaction((session) => lease(session, owner, volumes, ttlMs));
      return guard(() => leased.load(pool, held));
    },
    releaseLeases: (owner) => transaction((session) => releaseLeases(session, owner)),
    leases: () => guard(() => leases(pool)),
  };
}

/** A watcher asks for all its pairs every second: only those are read again of which something changed. */
class LeasedPairs {
  #known = new Map<number, { readonly mark: string; readonly pair: Pair }>();

  /** In order of their names; those that are gone by now are left out. */
  async load(session: Session, held: readonly Held[]): Promise<readonly Pair[]> {
    const marks = new Map(held.map(({ id, mark }) => [id, mark]));
    const changed = held.filter(({ id, mark }) => this.#known.get(id)?.mark !== mark).map(({ id }) => id);
    const known = new Map([...this.#known].filter(([id, { mark }]) => marks.get(id) === mark));
    const read = changed.length === 0 ? [] : await pairsOf(session, changed);
    for (const pair of read) known.set(pair.id, { mark: marks.get(pair.id) ?? '', pair });
    this.#known = known;
    return [...known.values()].map(({ pair }) => pair).sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

async function addStore(prisma: PrismaClient, store: NewStore): Promise<StoreRecord> {
  const { name, kind, url, secret, options } = store;
  try {
    const row = await prisma.store.create({
      data: { name, kind, url, secretFrom: secret.from, secretAt: secret.at, options },
    });
    return toStore(row);
  } catch (thrown) {
    if (!isDuplicate(thrown, 'store_name_key')) throw thrown;
    throw new HoldfastError('already-exists', `there is a store "${name}" already; choose another name`, {
      cause: thrown,
    });
  }
}

async function removeStore(prisma: PrismaClient, name: string): Promise<void> {
  const inUse = async () =>
    (await prisma.pair.findMany({ where: { store: { name } }, orderBy: { name: 'asc' } })).map(
      (pair) => pair.name,
    );
  const refuse = (pairs: readonly string[], cause?: unknown) =>
    new HoldfastError(
      'already-exists',
      `store "${name}" is used by the pairs ${pairs.join(', ')}; remove them first`,
      { cause },
    );
  const pairs = await inUse();
  if (pairs.length > 0) throw refuse(pairs);
  try {
    const { count } = await prisma.store.deleteMany({ where: { name } });
    if (count === 0) throw new HoldfastError('not-found', `there is no store "${name}"`);
  } catch (thrown) {
    // A pair was added between the look and the delete.
    if (isStillReferred(thrown)) throw refuse(await inUse(), thrown);
    throw thrown;
  }
}

async function addPair({ prisma: open, pool }: Connection, pair: NewPair): Promise<Pair> {
  const prisma = await open();
  const { capabilities, folderFacts, policies, excludes, retention, ...plain } = pair;
  try {
    const { id } = await prisma.pair.create({
      data: {
        ...plain,
        excludes: [...excludes],
        policies: asJson(policies),
        trashDays: retention?.days ?? null,
        trashBytes: retention?.bytes ?? null,
        ...(capabilities === null ? {} : { capabilities: asJson(capabilities) }),
        ...(folderFacts === null ? {} : { folderFacts: asJson(folderFacts) }),
      },
      select: { id: true },
    });
    const [added] = await pairsOf(pool, [id]);
    if (added === undefined) throw new HoldfastError('not-found', `pair "${pair.name}" was removed just now`);
    return added;
  } catch (cause) {
    if (isDuplicate(cause, 'pair_name_key')) {
      throw new HoldfastError(
        'already-exists',
        `there is a pair "${pair.name}" already; choose another name`,
        {
          cause,
        },
      );
    }
    if (isDuplicate(cause, 'pair_uid_key')) {
      throw new HoldfastError('already-exists', `a pair with the id ${pair.uid} is registered already`, {
        cause,
      });
    }
    if (isStillReferred(cause)) {
      throw new HoldfastError('not-found', `there is no store with the number ${pair.storeId}`, { cause });
    }
    throw cause;
  }
}

async function requestSyncOf(pool: Session, id: number | null): Promise<SyncTokens> {
  const tokens = await requestSync(pool, id);
  if (tokens !== null) return tokens;
  if (id === null) return { scan: 0n, poll: 0n };
  throw new HoldfastError('not-found', `there is no pair with the number ${id}`);
}

/** Plain data of our own types, which lack the index signature that Prisma's JSON type has. */
function asJson(value: object): Prisma.InputJsonObject {
  return { ...value } as Prisma.InputJsonObject;
}

function toStore(row: StoreRow): StoreRecord {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind as StoreKind,
    url: row.url,
    secret: { from: row.secretFrom as 'file' | 'env', at: row.secretAt },
    options: row.options as Record<string, string>,
  };
}
