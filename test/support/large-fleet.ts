/**
 * Large fleet: a database as thousands of users leave it, written in a few statements: pairs of
 * every condition with some names each, a long history, problems, conflicts, trash.
 */
import type pg from 'pg';

export interface LargeFleet {
  readonly pairs: number;
  readonly events: number;
}

const NAMES_OF_A_PAIR = 20;

export async function fillFleet(client: pg.Client, { pairs, events }: LargeFleet): Promise<void> {
  await client.query(`INSERT INTO store (name, kind, url, secret_from, secret_at, options)
    VALUES ('large', 'pithos', 'http://127.0.0.1:9/identity/v2.0', 'env', 'SECRET', '{}')`);
  // Every fiftieth is paused, disabled, or waits for a first look.
  await client.query(
    `INSERT INTO pair (uid, name, store_id, container, folder, volume, policies, excludes, versioning,
       paused, disabled_code, disabled_reason, disabled_at, scan_wanted, scan_done, poll_wanted, poll_done)
     SELECT 'uid-' || n, 'pair-' || lpad(n::text, 5, '0'), (SELECT id FROM store WHERE name = 'large'), 'container-' || n,
       '/volumes/homes/user-' || n, 'default', '{"conflict": "upstream", "deleteVsEdit": "upstream", "direction": "both"}',
       '{}', true, n % 50 = 1,
       CASE WHEN n % 50 = 2 THEN 'folder-missing' END, CASE WHEN n % 50 = 2 THEN 'the folder is not there' END,
       CASE WHEN n % 50 = 2 THEN now() END, 1, CASE WHEN n % 50 = 3 THEN 0 ELSE 1 END, 1, 1
     FROM generate_series(1, $1::int) n`,
    [pairs],
  );
  await client.query(
    `INSERT INTO entry (pair_id, name, local_serial, local_kind, local_size, local_mtime_ns, local_ctime_ns, local_inode, local_mode,
       remote_serial, remote_kind, remote_size, remote_hash, sync_serial, sync_kind, sync_size, sync_hash, candidate_sides, candidate_marking)
     SELECT p.id, 'file-' || n, n, 1, n * 100, 1, 1, n, 420, n, 1, n * 100, hash, n, 1, n * 100, hash,
       CASE WHEN p.id % 10 = 4 AND n <= 2 THEN 1 ELSE 0 END, n
     FROM pair p, generate_series(1, ${NAMES_OF_A_PAIR}) n, LATERAL (SELECT '\\x00'::bytea || decode(md5(n::text), 'hex') AS hash) digest`,
  );
  await client.query(
    `INSERT INTO history (pair_id, at, name, kind, side, serial, text, bytes)
     SELECT 1 + n % $1::int, now() - ($2::int - n) * interval '1 second' / 100, 'file-' || (1 + n / $1::int % ${NAMES_OF_A_PAIR}),
       CASE WHEN n % 97 = 0 THEN 4 WHEN n % 3 = 0 THEN 3 WHEN n % 3 = 1 THEN 2 ELSE 1 END, 1, n,
       CASE WHEN n % 97 = 0 THEN 'the losing content was kept as "file-copy"' ELSE 'what happened to it, in a sentence' END,
       CASE WHEN n % 3 = 0 THEN 1000 END
     FROM generate_series(1, $2::int) n`,
    [pairs, events],
  );
  await client.query(
    `INSERT INTO problem (pair_id, name, code, text)
     SELECT p.id, 'file-' || n, CASE WHEN n % 2 = 0 THEN 'store-quota' ELSE 'local-denied' END, 'why it cannot be synced'
     FROM pair p, generate_series(1, 5) n WHERE p.id % 4 = 0`,
  );
  await client.query(
    `INSERT INTO recovery_pointer (pair_id, name, side, serial, kind, locator, size, displaced_at, expires_at)
     SELECT p.id, 'file-' || n, 1, n, 1, 'place-' || n, 100, now() - n * interval '1 hour', now() + interval '30 days'
     FROM pair p, generate_series(1, 10) n`,
  );
  await client.query(
    `INSERT INTO operator_action (actor, verb, pair, text)
     SELECT 'ada', 'pairPause', 'pair-00001', 'paused it' FROM generate_series(1, 2000)`,
  );
  await client.query(
    `INSERT INTO conflict_answer (history_id, answer, actor) SELECT id, 'keep-both', 'ada' FROM history WHERE kind = 4`,
  );
  await client.query('VACUUM (ANALYZE)');
}
