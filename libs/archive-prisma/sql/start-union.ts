/**
 * Starts a union: a pair forgets its entries, so that its next contact is a first one and
 * deletes nothing (design section 5). Where the database itself went back, serials leap over
 * all that were issued in the time it lost before anything of the pair is decided anew, so
 * that nothing left over from that time ever meets its own number again (invariant 4).
 */
import type { Union } from '#ports/registry.ts';
import { SIDES } from '../codes.ts';
import type { Session } from '../connection.ts';
import { ENDS_WITH_NAME } from './problems.ts';

/** Names the lock of whoever makes serials leap; any number that nobody else uses in the same database. */
const LEAP_LOCK = '7163905284419264';
/**
 * The generation found was told at most minutes before the lost time ended, in which other pairs went on: far more
 * serials than they can have taken meanwhile. It also makes the leap safe beside callers who take single serials at
 * the same moment: between its two steps as many would have to be taken to be set back.
 */
const LEAP = 2n ** 32n;
/** A serial farther ahead than this was not issued by us: a user may write what he likes into a marker. */
const FARTHEST = 2n ** 36n;

const LEAP_SERIALS = `SELECT setval('serial', $1::bigint)`;
const NEXT_SERIAL = `SELECT nextval('serial') AS serial`;
const LOCK_LEAP = `SELECT pg_advisory_xact_lock(${LEAP_LOCK})::text`;

/** Those who still go by what they knew of the pair in a time that was lost must not find a revision of theirs. */
const REVISIONS_LEFT_OUT = 1_000;

const START = `
UPDATE pair SET
  generation = greatest(generation, $5::bigint) + 1, generation_serial = nextval('serial'), generation_at = now(),
  generation_used = false,
  local_generation = CASE WHEN $6::text = 'local' THEN $5::bigint WHEN $8::boolean THEN 0 ELSE local_generation END,
  local_stamp = CASE WHEN $6::text = 'local' THEN $7::text WHEN $8::boolean THEN NULL ELSE local_stamp END,
  remote_generation = CASE WHEN $6::text = 'remote' THEN $5::bigint WHEN $9::boolean THEN 0 ELSE remote_generation END,
  identity = CASE WHEN $9::boolean THEN $10::text ELSE identity END,
  container_created_at = CASE WHEN $9::boolean THEN $11::text ELSE container_created_at END,
  union_reason = $12::text, union_at = CASE WHEN $12::text IS NOT NULL THEN now() END,
  revision = revision + ${REVISIONS_LEFT_OUT},
  scan_wanted = scan_wanted + 1, poll_wanted = poll_wanted + 1, scan_done = 0, poll_done = 0,
  deletes_held_since = NULL
WHERE id = $1::int AND generation = $2::bigint AND local_generation = $3::bigint AND remote_generation = $4::bigint`;

/** Nobody would come upon a name again that neither side holds by now, and its problem would stay. */
const MARK_PROBLEMS = `
WITH marking AS MATERIALIZED (SELECT nextval('serial') AS number)
INSERT INTO entry (pair_id, name, candidate_sides, candidate_marking)
SELECT p.pair_id, p.name, ${SIDES.both}, (SELECT number FROM marking)
FROM problem p WHERE p.pair_id = $1::int AND ${ENDS_WITH_NAME}`;

/** Runs as one transaction, a leap of serials excepted, which stays whatever becomes of it. */
export async function startUnion(session: Session, id: number, union: Union): Promise<boolean> {
  const { known, found, attached, reason } = union;
  if (found !== null && found.generation.number > known.begun.number) {
    await leapSerials(session, found.generation.serial);
  }
  const started = await session.execute(
    START,
    id,
    BigInt(known.begun.number),
    BigInt(known.told.local.number),
    BigInt(known.told.remote.number),
    BigInt(found?.generation.number ?? 0),
    found?.side ?? null,
    found?.generation.stamp ?? null,
    attached.folder,
    attached.container !== null,
    attached.container?.identity ?? null,
    attached.container?.createdAt ?? null,
    reason,
  );
  if (started === 0) return false;
  await session.execute('DELETE FROM entry WHERE pair_id = $1::int', id);
  await session.execute(MARK_PROBLEMS, id);
  return true;
}

async function leapSerials(session: Session, told: bigint): Promise<void> {
  await session.query(LOCK_LEAP);
  const [row] = await session.query<{ serial: bigint }>(NEXT_SERIAL);
  const next = row?.serial ?? 0n;
  const from = told < next + FARTHEST ? told : next + FARTHEST;
  // Another pair has found the same out, and leapt far enough.
  if (next >= from + LEAP / 2n) return;
  await session.query(LEAP_SERIALS, from + LEAP);
}
