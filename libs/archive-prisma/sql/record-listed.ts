/**
 * Records what a listing showed. Only where nothing at all was known of the REMOTE side: a
 * recorded absence outweighs a listing, which may lag, and a pending decision was made on
 * the state recorded now, so its commit must not find another one expected (invariant 5).
 * Beside a pending decision what was shown is kept with the marking: mostly it is the work of that very decision.
 */
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import { bulk, inNameOrder, laterOne } from '../bulk.ts';
import { SIDES } from '../codes.ts';
import type { Session } from '../connection.ts';
import { type RemoteColumns, remoteColumns } from '../entry-row.ts';
import { SOONER } from './mark.ts';

interface ListedRow extends RemoteColumns {
  readonly name: string;
}

const LISTED = bulk<ListedRow>({
  name: 'text',
  remote_kind: 'smallint',
  remote_size: 'bigint',
  remote_hash: 'bytea',
  remote_version: 'text',
  remote_mtime_ns: 'bigint',
});

const UNKNOWN = 'e.remote_serial = 0 AND e.remote_kind = 0 AND e.decision_action IS NULL';
const taken = (column: string) =>
  `${column} = CASE WHEN ${UNKNOWN} THEN excluded.${column} ELSE e.${column} END`;

/** Content of a REMOTE state as text; states with the same content have the same. */
export const contentOf = (row: string): string =>
  `concat_ws(':', ${row}.remote_kind, ${row}.remote_size, encode(${row}.remote_hash, 'hex'))`;

/** Whether nothing but what listings showed makes it a candidate upstream; any other marking has a number of its own. */
const ONLY_LISTED = `e.decision_action IS NOT NULL AND (e.candidate_sides & ${SIDES.remote} = 0 OR e.listed_marking = e.candidate_marking)`;

const RECORD_LISTED = `
WITH marking AS MATERIALIZED (SELECT nextval('serial') AS number)
INSERT INTO entry AS e (
  pair_id, name, remote_serial, remote_kind, remote_size, remote_hash, remote_version, remote_mtime_ns,
  candidate_sides, candidate_marking
)
SELECT $1::int, given.name, nextval('serial'), given.remote_kind, given.remote_size, given.remote_hash,
  given.remote_version, given.remote_mtime_ns, 1, (SELECT number FROM marking)
FROM ${LISTED.source('given', 2)}
WHERE EXISTS (SELECT FROM pair WHERE id = $1::int)
  AND (given.remote_kind <> 0 OR EXISTS (SELECT FROM entry known WHERE known.pair_id = $1::int AND known.name = given.name))
ON CONFLICT (pair_id, name) DO UPDATE SET
  ${['remote_serial', 'remote_kind', 'remote_size', 'remote_hash', 'remote_version', 'remote_mtime_ns'].map(taken).join(',\n  ')},
  candidate_sides = e.candidate_sides | CASE WHEN ${UNKNOWN} THEN ${SIDES.local} ELSE ${SIDES.remote} END,
  candidate_marking = excluded.candidate_marking,
  listed_marking = CASE WHEN ${ONLY_LISTED} THEN excluded.candidate_marking END,
  listed_content = CASE WHEN ${ONLY_LISTED} THEN ${contentOf('excluded')} END,
  due_at = ${SOONER},
  updated_at = CASE WHEN ${UNKNOWN} THEN now() ELSE e.updated_at END
WHERE ${contentOf('e')} <> ${contentOf('excluded')}`;

export async function recordListed(
  session: Session,
  pairId: number,
  objects: readonly { readonly name: Name; readonly state: RemoteState }[],
): Promise<void> {
  if (objects.length === 0) return;
  const rows = objects.map(({ name, state }) => ({ name, ...remoteColumns(state) }));
  await session.execute(RECORD_LISTED, pairId, ...LISTED.values(inNameOrder(rows, laterOne)));
}
