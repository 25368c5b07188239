/** Claims and gives up decisions for workers. A claim is a hold with a holder; it ends by itself. */
import type { Entry } from '#core/entry.ts';
import type { Name } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import { bulk, inNameOrder, laterOne } from '../bulk.ts';
import { ACTION } from '../codes.ts';
import { planOnce, type Session } from '../connection.ts';
import { ENTRY_COLUMNS, type EntryRow, toEntry } from '../entry-row.ts';
import { MAY_GO } from './delete-gate.ts';

interface ClaimRow {
  readonly name: string;
  readonly serial: bigint;
}

const ROWS = bulk<ClaimRow>({ name: 'text', serial: 'bigint' });

const CLAIM = planOnce(`
WITH locked AS MATERIALIZED (
  SELECT e.name FROM entry e JOIN ${ROWS.source('given', 4)} ON e.name = given.name
  WHERE e.pair_id = $1::int AND e.name = ANY($4::text[]) AND e.decision_serial = given.serial AND ${MAY_GO}
    AND (e.held_by IS NULL OR e.held_by = $2::text OR e.held_until <= now())
  ORDER BY e.name FOR UPDATE OF e
)
UPDATE entry e SET held_by = $2::text, held_until = now() + $3::bigint * interval '1 millisecond'
FROM locked WHERE e.pair_id = $1::int AND e.name = ANY($4::text[]) AND e.name = locked.name
RETURNING ${ENTRY_COLUMNS}`);

/** @returns the entries claimed, in the order of `items`. */
export async function claim(
  session: Session,
  pairId: number,
  items: readonly { readonly name: Name; readonly serial: Serial }[],
  holder: string,
  holdMs: number,
): Promise<readonly Entry[]> {
  const given = ROWS.values(inNameOrder(items, laterOne));
  const rows = await session.query<EntryRow>(CLAIM, pairId, holder, BigInt(holdMs), ...given);
  const byName = new Map(rows.map((row) => [row.name, toEntry(row)]));
  return [...new Set(items.map(({ name }) => name))].flatMap((name) => byName.get(name) ?? []);
}

const BEING_CHANGED_HERE = planOnce(`
SELECT name FROM entry
WHERE pair_id = $1::int AND name = ANY($2::text[]) AND held_by IS NOT NULL AND held_until > now()
  AND decision_action IN (${ACTION.download}, ${ACTION['delete-local']})`);

export async function beingChangedHere(
  session: Session,
  pairId: number,
  names: readonly Name[],
): Promise<ReadonlySet<Name>> {
  const rows = await session.query<{ name: Name }>(BEING_CHANGED_HERE, pairId, names);
  return new Set(rows.map(({ name }) => name));
}

const FORGET_DISPATCHED = `
WITH locked AS MATERIALIZED (
  SELECT pair_id, name FROM entry WHERE held_until IS NOT NULL AND held_by IS NULL
  ORDER BY pair_id, name FOR UPDATE
)
UPDATE entry e SET held_until = NULL FROM locked WHERE e.pair_id = locked.pair_id AND e.name = locked.name`;

export async function forgetDispatched(session: Session): Promise<void> {
  await session.execute(FORGET_DISPATCHED);
}
