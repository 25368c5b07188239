/** Sets how long a pair keeps displaced content, what is kept already included. */
import type { Retention } from '#ports/pair.ts';
import type { Session } from '../connection.ts';

const SET_RETENTION = `
WITH changed AS (
  UPDATE pair SET trash_days = $2::int, trash_bytes = $3::bigint, revision = revision + 1 WHERE id = $1::int RETURNING id
)
UPDATE recovery_pointer r SET expires_at = r.displaced_at + $4::bigint * interval '1 millisecond'
FROM changed WHERE r.pair_id = changed.id`;

export async function setRetention(
  session: Session,
  pairId: number,
  retention: Retention,
  keptMs: number,
): Promise<void> {
  await session.execute(SET_RETENTION, pairId, retention.days, retention.bytes, keptMs);
}
