/** Recovery pointers: where displaced content can be found (invariant 1). */
import type { Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import type { SideEffects, TrashedContent } from '#ports/archive.ts';
import type { TrashPlace } from '#ports/local-folder.ts';
import { bulk } from '../bulk.ts';
import { POINTER_KIND, SIDE, wordOf } from '../codes.ts';
import type { Session } from '../connection.ts';

interface PointerRow {
  readonly name: string;
  readonly side: number;
  readonly serial: bigint;
  readonly kind: number;
  readonly locator: string;
  readonly size: bigint;
  readonly hash: string | null;
  readonly look_again_at: Date | null;
  readonly expires_at: Date;
}

const ROWS = bulk<PointerRow>({
  name: 'text',
  side: 'smallint',
  serial: 'bigint',
  kind: 'smallint',
  locator: 'text',
  size: 'bigint',
  hash: 'text',
  look_again_at: 'timestamptz',
  expires_at: 'timestamptz',
});

/** A repeated commit reports the displacement of the first one again. */
const ADD = `
INSERT INTO recovery_pointer (pair_id, name, side, serial, kind, locator, size, hash, look_again_at, expires_at)
SELECT $1::int, given.* FROM ${ROWS.source('given', 2)} WHERE EXISTS (SELECT FROM pair WHERE id = $1::int)
ON CONFLICT DO NOTHING`;

export async function addPointers(
  session: Session,
  pairId: number,
  recovery: SideEffects['recovery'],
): Promise<void> {
  if (recovery.length === 0) return;
  const rows = recovery.map(({ name, side, serial, pointer, lookAgainAt, expiresAt }) => ({
    name,
    side: SIDE[side],
    serial,
    kind: POINTER_KIND[pointer.kind],
    locator: pointer.locator,
    size: BigInt(pointer.size),
    hash: pointer.hash,
    look_again_at: lookAgainAt === null ? null : new Date(lookAgainAt),
    expires_at: new Date(expiresAt),
  }));
  await session.execute(ADD, pairId, ...ROWS.values(rows));
}

export interface TrashRow extends PointerRow {
  readonly id: bigint;
  readonly pair_id: number;
  readonly displaced_at: Date;
}

export const COLUMNS = `r.id, r.pair_id, r.name, r.side, r.serial, r.kind, r.locator, r.size, r.hash, r.displaced_at, r.look_again_at, r.expires_at`;

const TRASH = `
SELECT ${COLUMNS} FROM recovery_pointer r
WHERE r.pair_id = $1::int AND ($2::text IS NULL OR r.name = $2::text) ORDER BY r.name, r.id`;

/** In byte order of names, oldest first. */
export async function trash(
  session: Session,
  pairId: number,
  name: Name | null,
): Promise<readonly TrashedContent[]> {
  const rows = await session.query<TrashRow>(TRASH, pairId, name);
  return rows.map(toTrashed);
}

const PAGE = `
SELECT ${COLUMNS} FROM recovery_pointer r
WHERE r.pair_id = $1::int AND r.id > $2::bigint ORDER BY r.id LIMIT $3::int`;

export async function pageTrash(
  session: Session,
  pairId: number,
  after: bigint,
  limit: number,
): Promise<readonly TrashedContent[]> {
  return (await session.query<TrashRow>(PAGE, pairId, after, limit)).map(toTrashed);
}

const PLACES = bulk<{ readonly place: string; readonly serial: bigint }>({ place: 'text', serial: 'bigint' });

const RECORDED = `
SELECT given.place FROM ${PLACES.source('given', 2)}
WHERE EXISTS (
  SELECT FROM recovery_pointer r WHERE r.pair_id = $1::int AND r.serial = given.serial
    AND r.kind = ${POINTER_KIND.trash} AND starts_with(r.locator, given.place)
)`;

export async function recordedTrash(
  session: Session,
  pairId: number,
  places: readonly TrashPlace[],
): Promise<ReadonlySet<string>> {
  const rows = places.map(({ place, serial }) => ({ place, serial }));
  const found = await session.query<{ place: string }>(RECORDED, pairId, ...PLACES.values(rows));
  return new Set(found.map(({ place }) => place));
}

/** The folder of a disabled pair is not to be touched; its pointers wait. The late look comes before the end by time. */
const DUE_TRASH = `
SELECT ${COLUMNS}, r.look_again_at IS NOT NULL AND r.look_again_at <= now() AS looks_again
FROM recovery_pointer r JOIN pair p ON p.id = r.pair_id
WHERE p.volume = $1::text AND p.disabled_code IS NULL AND (r.look_again_at <= now() OR r.expires_at <= now())
ORDER BY least(r.look_again_at, r.expires_at), r.id LIMIT $2::int`;

/** Of pairs that keep a number of bytes: what newer content leaves no room for, but never before its late look. */
const BEYOND_BYTES = `
SELECT ${COLUMNS}, false AS looks_again
FROM pair p JOIN LATERAL (
  SELECT k.*, sum(k.size) OVER (ORDER BY k.displaced_at DESC, k.id DESC) AS bytes_kept
  FROM recovery_pointer k WHERE k.pair_id = p.id AND k.kind = ${POINTER_KIND.trash}
) r ON r.bytes_kept > p.trash_bytes AND r.look_again_at IS NULL
WHERE p.volume = $1::text AND p.disabled_code IS NULL AND p.trash_bytes IS NOT NULL
ORDER BY r.displaced_at, r.id LIMIT $2::int`;

export async function dueTrash(
  session: Session,
  volume: string,
  limit: number,
): Promise<
  readonly (TrashedContent & { readonly pairId: number; readonly due: 'look-again' | 'expired' })[]
> {
  type Row = TrashRow & { readonly looks_again: boolean };
  const byTime = await session.query<Row>(DUE_TRASH, volume, limit);
  const known = new Set(byTime.map(({ id }) => id));
  const beyond = await session.query<Row>(BEYOND_BYTES, volume, limit);
  const rows = [...byTime, ...beyond.filter(({ id }) => !known.has(id))].slice(0, limit);
  return rows.map((row) => ({
    ...toTrashed(row),
    pairId: row.pair_id,
    due: row.looks_again ? 'look-again' : 'expired',
  }));
}

const SETTLE = {
  looked: 'UPDATE recovery_pointer SET look_again_at = NULL WHERE id = $1::bigint',
  ended: 'UPDATE recovery_pointer SET look_again_at = NULL, expires_at = now() WHERE id = $1::bigint',
  gone: 'DELETE FROM recovery_pointer WHERE id = $1::bigint',
};

export async function settleTrash(session: Session, id: bigint, as: keyof typeof SETTLE): Promise<void> {
  await session.execute(SETTLE[as], id);
}

export function toTrashed(row: TrashRow): TrashedContent {
  return {
    id: row.id,
    name: row.name as Name,
    side: wordOf(SIDE, row.side),
    serial: row.serial as Serial,
    pointer: {
      kind: wordOf(POINTER_KIND, row.kind),
      locator: row.locator,
      size: Number(row.size),
      hash: row.hash,
    },
    displacedAt: row.displaced_at,
    expiresAt: row.expires_at,
  };
}
