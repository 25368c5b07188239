/** Memory registry: stores, pairs, their condition and their leases, over tables in this process. */
import { NO_GENERATIONS } from '#core/generation.ts';
import { compareNames } from '#core/name.ts';
import { HoldfastError } from '#ports/errors.ts';
import {
  type NewPair,
  type NewStore,
  type Pair,
  RETENTION_AS_CONFIGURED,
  type StoreRecord,
} from '#ports/pair.ts';
import type { Registry, SyncTokens } from '#ports/registry.ts';
import { beginGenerations, confirmGeneration, startUnion } from './database/generations.ts';
import { lease, leases, releaseLeases } from './database/leases.ts';
import { PairTables, type Tables, type Transact, type Transaction } from './database/tables.ts';

/** Tombstones are purged when nothing changed for so long. */
const TOMBSTONE_MS = 7 * 24 * 60 * 60 * 1_000;

export function createMemoryRegistry(transact: Transact): Registry {
  /** A step about one pair. */
  const inPair = <Result>(
    verb: string,
    id: number,
    effect: (transaction: Transaction) => Result,
  ): Promise<Result> => transact(verb, `pair ${id}`, effect);
  return {
    addStore: (store) => transact('addStore', store.name, ({ tables }) => addStore(tables, store)),
    listStores: () => transact('listStores', 'all', ({ tables }) => byName([...tables.stores.values()])),
    removeStore: (name) => transact('removeStore', name, ({ tables }) => removeStore(tables, name)),

    addPair: (pair) => transact('addPair', pair.name, (transaction) => addPair(transaction, pair)),
    listPairs: () => transact('listPairs', 'all', ({ tables }) => byName(pairsOf(tables))),
    findPair: (name) =>
      transact('findPair', name, ({ tables }) => pairsOf(tables).find((pair) => pair.name === name) ?? null),
    pairsOnContainerOf: ({ id, container, store }) =>
      inPair('pairsOnContainerOf', id, ({ tables }) =>
        byName(pairsOf(tables)).filter(
          (pair) => pair.container === container && pair.store.url === store.url,
        ),
      ),
    loadPair: (id) => inPair('loadPair', id, ({ tables }) => tables.pairs.get(id)?.pair ?? null),
    removePair: (id) =>
      inPair('removePair', id, ({ tables }) => {
        tables.pairs.delete(id);
      }),
    setPaused: (id, paused) =>
      inPair('setPaused', id, ({ tables }) => {
        change(tables, id, (pair) => (pair.paused === paused ? null : revised(pair, { paused })));
      }),
    setRetention: (id, retention, keptMs) =>
      inPair('setRetention', id, ({ tables }) => {
        if (!change(tables, id, (pair) => revised(pair, { retention }))) return;
        const { pointers } = tables.of(id);
        for (const [key, row] of pointers) {
          pointers.set(key, { ...row, expiresAt: new Date(row.displacedAt.getTime() + keptMs) });
        }
      }),
    disable: (id, code, reason) =>
      inPair('disable', id, ({ tables, now }) =>
        change(tables, id, (pair) => {
          const { disabled } = pair;
          if (disabled?.code === code && disabled.reason === reason) return null;
          const at = disabled?.code === code ? disabled.at : new Date(now);
          return revised(pair, { disabled: { code, reason, at } });
        }),
      ),
    enable: (id) =>
      inPair('enable', id, ({ tables }) =>
        change(tables, id, (pair) =>
          pair.disabled === null ? null : revised(pair, { disabled: null, ...wanted(pair) }),
        ),
      ),
    startUnion: (id, union) => inPair('startUnion', id, (transaction) => startUnion(transaction, id, union)),
    forgetUnion: (id) =>
      inPair('forgetUnion', id, ({ tables }) => {
        change(tables, id, (pair) => (pair.union === null ? null : revised(pair, { union: null })));
      }),
    beginGenerations: (minAgeMs) =>
      transact('beginGenerations', 'all pairs', (transaction) => beginGenerations(transaction, minAgeMs)),
    confirmGeneration: (id, side, told) =>
      inPair('confirmGeneration', id, (transaction) => confirmGeneration(transaction, id, side, told)),
    setIgnoreText: (id, ignoreText) =>
      inPair('setIgnoreText', id, ({ tables }) => {
        change(tables, id, (pair) => (pair.ignoreText === ignoreText ? null : revised(pair, { ignoreText })));
      }),

    requestSync: (id) =>
      transact('requestSync', id === null ? 'all pairs' : `pair ${id}`, ({ tables }) =>
        requestSync(tables, id),
      ),
    finishScan: (id, token) =>
      inPair('finishScan', id, ({ tables }) => {
        change(tables, id, (pair) => ({ ...pair, scanDone: done(pair.scanDone, token, pair.scanWanted) }));
      }),
    finishPoll: (id, token) =>
      inPair('finishPoll', id, (transaction) => {
        const { tables } = transaction;
        change(tables, id, (pair) => ({ ...pair, pollDone: done(pair.pollDone, token, pair.pollWanted) }));
        purgeTombstones(transaction, id);
      }),

    lease: (owner, volumes, ttlMs) =>
      transact('lease', owner, (transaction) =>
        byName(lease(transaction, owner, volumes, ttlMs).map(({ pair }) => pair)),
      ),
    releaseLeases: (owner) => transact('releaseLeases', owner, ({ tables }) => releaseLeases(tables, owner)),
    leases: () => transact('leases', 'all', leases),
  };
}

function byName<Named extends { readonly name: string }>(items: readonly Named[]): readonly Named[] {
  return items.toSorted((a, b) => compareNames(a.name, b.name));
}

function pairsOf(tables: Tables): readonly Pair[] {
  return [...tables.pairs.values()].map(({ pair }) => pair);
}

/** @param to null: nothing to change. @returns whether the pair was changed. */
function change(tables: Tables, id: number, to: (pair: Pair) => Pair | null): boolean {
  const row = tables.pairs.get(id);
  const pair = row === undefined ? null : to(row.pair);
  if (row === undefined || pair === null) return false;
  tables.pairs.set(id, { ...row, pair });
  return true;
}

function revised(pair: Pair, changes: Partial<Pair>): Pair {
  return { ...pair, ...changes, revision: pair.revision + 1 };
}

function wanted({ scanWanted, pollWanted }: Pair): Pick<Pair, 'scanWanted' | 'pollWanted'> {
  return { scanWanted: scanWanted + 1n, pollWanted: pollWanted + 1n };
}

/** Never goes back; a token never wanted is not believed: it would swallow requests to come. */
function done(before: bigint, token: bigint, wantedToken: bigint): bigint {
  const believed = token < wantedToken ? token : wantedToken;
  return believed > before ? believed : before;
}

function addStore(tables: Tables, store: NewStore): StoreRecord {
  if ([...tables.stores.values()].some(({ name }) => name === store.name)) {
    throw new HoldfastError(
      'already-exists',
      `there is a store "${store.name}" already; choose another name`,
    );
  }
  const record = { id: tables.nextId(), ...store };
  tables.stores.set(record.id, record);
  return record;
}

function removeStore(tables: Tables, name: string): void {
  const store = [...tables.stores.values()].find((each) => each.name === name);
  if (store === undefined) throw new HoldfastError('not-found', `there is no store "${name}"`);
  const users = byName(pairsOf(tables).filter((pair) => pair.store.id === store.id));
  if (users.length > 0) {
    const names = users.map((pair) => pair.name).join(', ');
    throw new HoldfastError(
      'already-exists',
      `store "${name}" is used by the pairs ${names}; remove them first`,
    );
  }
  tables.stores.delete(store.id);
}

function addPair({ tables, now }: Transaction, { storeId, ...given }: NewPair): Pair {
  const pairs = pairsOf(tables);
  if (pairs.some(({ name }) => name === given.name)) {
    throw new HoldfastError('already-exists', `there is a pair "${given.name}" already; choose another name`);
  }
  if (pairs.some(({ uid }) => uid === given.uid)) {
    throw new HoldfastError('already-exists', `a pair with the id ${given.uid} is registered already`);
  }
  const store = tables.stores.get(storeId);
  if (store === undefined)
    throw new HoldfastError('not-found', `there is no store with the number ${storeId}`);
  const tokens = { scanWanted: 1n, scanDone: 0n, pollWanted: 1n, pollDone: 0n };
  const pair = {
    id: tables.nextId(),
    retention: RETENTION_AS_CONFIGURED,
    ...given,
    store,
    paused: false,
    disabled: null,
    union: null,
    revision: 1,
    ...tokens,
    generations: NO_GENERATIONS,
  };
  const empty = Object.assign(new PairTables(), { generationAt: now });
  tables.pairs.set(pair.id, { pair, lease: null, tables: empty });
  return pair;
}

function requestSync(tables: Tables, id: number | null): SyncTokens {
  const ids = id === null ? [...tables.pairs.keys()] : [id];
  for (const each of ids) change(tables, each, (pair) => ({ ...pair, ...wanted(pair) }));
  const last = tables.pairs.get(ids.at(-1) ?? 0)?.pair;
  if (last !== undefined) return { scan: last.scanWanted, poll: last.pollWanted };
  if (id === null) return { scan: 0n, poll: 0n };
  throw new HoldfastError('not-found', `there is no pair with the number ${id}`);
}

/** Rows whose archives all say absent, with nothing to do: they teach nothing that a new row would not. */
function purgeTombstones({ tables, now }: Transaction, id: number): void {
  const { entries } = tables.of(id);
  for (const { name, local, remote, sync, decision, sides, updatedAt } of entries.rows()) {
    const isAbsent = [local, remote, sync].every(({ kind }) => kind === 'absent');
    const isIdle = decision === null && sides === null;
    if (isAbsent && isIdle && updatedAt < now - TOMBSTONE_MS) entries.delete(name);
  }
}
