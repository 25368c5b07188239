/**
 * Generations: what is told to the sides, so that a side or this very database that went back
 * in time is noticed (core/generation.ts). The database knows of a generation before any side
 * does, and of a side that was told only afterwards.
 */
import type { Side } from '#core/entry.ts';
import type { SideGeneration } from '#core/generation.ts';
import type { Session } from '../connection.ts';

/**
 * Set beside every acknowledgement, on the first one of a generation only: the others find it set and touch nothing.
 * @param written query that has a row when something was acknowledged; its pair is `$1`.
 */
export const generationUsed = (written: string): string => `
  UPDATE pair SET generation_used = true WHERE id = $1::int AND NOT generation_used AND EXISTS (${written})`;

const BEGIN = `
WITH due AS MATERIALIZED (
  SELECT id FROM pair WHERE generation_used AND generation_at <= now() - $1::bigint * interval '1 millisecond'
  ORDER BY id FOR UPDATE SKIP LOCKED
)
UPDATE pair p SET generation = p.generation + 1, generation_serial = nextval('serial'), generation_at = now(),
  generation_used = false
FROM due WHERE p.id = due.id`;

export async function beginGenerations(session: Session, minAgeMs: number): Promise<void> {
  await session.execute(BEGIN, BigInt(minAgeMs));
}

/** A number never begun is not believed. */
const confirm = (columns: string, number: string): string => `
UPDATE pair SET ${columns} WHERE id = $1::int AND ${number} < $2::bigint AND generation >= $2::bigint`;
const CONFIRM_LOCAL = confirm('local_generation = $2::bigint, local_stamp = $3::text', 'local_generation');
const CONFIRM_REMOTE = confirm('remote_generation = $2::bigint', 'remote_generation');

export async function confirmGeneration(
  session: Session,
  id: number,
  side: Side,
  told: Pick<SideGeneration, 'number' | 'stamp'>,
): Promise<void> {
  const number = BigInt(told.number);
  if (side === 'local') await session.execute(CONFIRM_LOCAL, id, number, told.stamp);
  else await session.execute(CONFIRM_REMOTE, id, number);
}
