/** Generations and unions: what tells a restored backup, and how a pair starts again after one. */
import type { Side } from '#core/entry.ts';
import { FOUND_PROBLEMS } from '#core/found-problems.ts';
import type { SideGeneration } from '#core/generation.ts';
import type { Name } from '#core/name.ts';
import type { Pair } from '#ports/pair.ts';
import type { Union } from '#ports/registry.ts';
import { mark } from './marks.ts';
import { type PairRow, PairTables, type Transaction } from './tables.ts';

type Told = Pick<SideGeneration, 'number' | 'stamp'>;

/** How far serials leap beyond the last one that is known of a time that was lost. */
const LEAP = 2n ** 32n;
/** A serial farther ahead than this is not believed. */
const FARTHEST = 2n ** 36n;
/** Nobody who goes by what he knew of a pair in a time that was lost shall find a revision of his. */
const REVISIONS_LEFT_OUT = 1_000;

export function beginGenerations({ tables, now }: Transaction, minAgeMs: number): void {
  for (const row of tables.pairs.values()) {
    if (!row.tables.generationUsed || row.tables.generationAt > now - minAgeMs) continue;
    const number = row.pair.generations.begun.number + 1;
    put({ tables, now }, row, { begun: { number, serial: tables.nextSerial() } });
  }
}

/** A number never begun is not believed. */
export function confirmGeneration({ tables }: Transaction, id: number, side: Side, confirmed: Told): void {
  const row = tables.pairs.get(id);
  if (row === undefined) return;
  const { generations } = row.pair;
  const { number } = confirmed;
  if (number <= generations.told[side].number || number > generations.begun.number) return;
  const told = { ...generations.told, ...toldOf(side, confirmed) };
  tables.pairs.set(id, { ...row, pair: { ...row.pair, generations: { ...generations, told } } });
}

/** History, problems and recovery pointers stay: what was displaced is still reachable by them. */
export function startUnion(transaction: Transaction, id: number, union: Union): boolean {
  const { tables, now } = transaction;
  const row = tables.pairs.get(id);
  if (row === undefined || !isAsKnown(row.pair, union)) return false;
  const { found, attached, reason } = union;
  const { begun, told } = row.pair.generations;
  if (found !== null && found.generation.number > begun.number) leap(transaction, found.generation.serial);
  const number = Math.max(begun.number, found?.generation.number ?? 0) + 1;
  const { history, pointers, problems } = row.tables;
  const emptied = Object.assign(new PairTables(), { history, pointers, problems });
  const pair: Pair = {
    ...row.pair,
    ...(attached.container === null
      ? {}
      : { identity: attached.container.identity, containerCreatedAt: attached.container.createdAt }),
    union: reason === null ? null : { reason, at: new Date(now) },
    revision: row.pair.revision + REVISIONS_LEFT_OUT,
    scanWanted: row.pair.scanWanted + 1n,
    pollWanted: row.pair.pollWanted + 1n,
    scanDone: 0n,
    pollDone: 0n,
  };
  put(
    transaction,
    { ...row, pair, tables: emptied },
    {
      begun: { number, serial: tables.nextSerial() },
      told: {
        local: attached.folder ? { number: 0, stamp: null } : told.local,
        remote: attached.container === null ? told.remote : { number: 0, stamp: null },
        ...(found === null ? {} : toldOf(found.side, found.generation)),
      },
    },
  );
  // Nobody would come upon a name again that neither side holds by now, and its problem would stay.
  const marks = [...problems.values()].flatMap(({ name, code }) =>
    FOUND_PROBLEMS.has(code) ? [] : [{ name: name as Name, side: 'both' as const }],
  );
  mark(transaction, emptied, marks);
  return true;
}

/** Of the container no stamp is kept: what it is, its identity tells. */
function toldOf(side: Side, { number, stamp }: Told): Partial<Record<Side, Told>> {
  return { [side]: { number, stamp: side === 'local' ? stamp : null } };
}

function isAsKnown({ generations: { begun, told } }: Pair, { known }: Union): boolean {
  return (
    begun.number === known.begun.number &&
    told.local.number === known.told.local.number &&
    told.remote.number === known.told.remote.number
  );
}

function leap({ tables }: Transaction, told: bigint): void {
  const farthest = tables.lastSerial + FARTHEST;
  const from = told < farthest ? told : farthest;
  if (tables.lastSerial < from + LEAP / 2n) tables.leapTo(from + LEAP);
}

function put({ tables, now }: Transaction, row: PairRow, generations: Partial<Pair['generations']>): void {
  const pair = { ...row.pair, generations: { ...row.pair.generations, ...generations } };
  Object.assign(row.tables, { generationUsed: false, generationAt: now });
  tables.pairs.set(pair.id, { ...row, pair });
}
