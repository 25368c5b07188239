-- One sequence numbers all recorded versions and markings of all pairs, so that a serial
-- is never issued twice, even after rows are purged (invariant 4).
CREATE SEQUENCE "serial" AS bigint;

-- The directories above a name, outermost first: 'a/b/c' gives {a,a/b}.
CREATE FUNCTION "name_ancestors"(name text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
  SELECT coalesce(array_agg(array_to_string(part[1:depth], '/') ORDER BY depth), '{}')
  FROM (SELECT string_to_array(name, '/') AS part) AS split,
       generate_series(1, cardinality(part) - 1) AS depth
);

CREATE TABLE "store" (
  "id" SERIAL PRIMARY KEY,
  "name" TEXT NOT NULL,
  "kind" TEXT NOT NULL CHECK ("kind" IN ('pithos', 'swift', 's3')),
  "url" TEXT NOT NULL,
  "secret_from" TEXT NOT NULL CHECK ("secret_from" IN ('file', 'env')),
  "secret_at" TEXT NOT NULL,
  "options" JSONB NOT NULL,
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE UNIQUE INDEX "store_name_key" ON "store" ("name");

-- Leases are renewed every few seconds: room for updates within the page.
CREATE TABLE "pair" (
  "id" SERIAL PRIMARY KEY,
  "uid" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "store_id" INTEGER NOT NULL,
  "container" TEXT NOT NULL,
  "identity" TEXT,
  "folder" TEXT NOT NULL,
  "volume" TEXT NOT NULL,
  "policies" JSONB NOT NULL,
  "excludes" TEXT[],
  "ignore_text" TEXT NOT NULL DEFAULT '',
  "versioning" BOOLEAN NOT NULL,
  "capabilities" JSONB,
  "folder_facts" JSONB,
  "paused" BOOLEAN NOT NULL DEFAULT false,
  "disabled_code" TEXT,
  "disabled_reason" TEXT,
  "disabled_at" TIMESTAMPTZ(6),
  "revision" INTEGER NOT NULL DEFAULT 1,
  "scan_wanted" BIGINT NOT NULL DEFAULT 1,
  "scan_done" BIGINT NOT NULL DEFAULT 0,
  "poll_wanted" BIGINT NOT NULL DEFAULT 1,
  "poll_done" BIGINT NOT NULL DEFAULT 0,
  "lease_owner" TEXT,
  "lease_expires_at" TIMESTAMPTZ(6),
  "created_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "pair_store_id_fkey" FOREIGN KEY ("store_id") REFERENCES "store" ("id") ON DELETE RESTRICT ON UPDATE NO ACTION,
  CONSTRAINT "pair_disabled_whole" CHECK (num_nonnulls("disabled_code", "disabled_reason", "disabled_at") IN (0, 3)),
  CONSTRAINT "pair_lease_whole" CHECK (num_nonnulls("lease_owner", "lease_expires_at") IN (0, 2))
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX "pair_uid_key" ON "pair" ("uid");
CREATE UNIQUE INDEX "pair_name_key" ON "pair" ("name");
CREATE INDEX "pair_store_id_idx" ON "pair" ("store_id");
CREATE INDEX "pair_volume_idx" ON "pair" ("volume");

CREATE TABLE "lease_seeker" (
  "owner" TEXT NOT NULL,
  "volume" TEXT NOT NULL,
  "expires_at" TIMESTAMPTZ(6) NOT NULL,
  PRIMARY KEY ("owner", "volume")
);

-- Fixed-width columns come first, widest first, so that a row has no gaps.
CREATE TABLE "entry" (
  "local_serial" BIGINT NOT NULL DEFAULT 0,
  "local_size" BIGINT,
  "local_mtime_ns" BIGINT,
  "local_ctime_ns" BIGINT,
  "local_inode" BIGINT,
  "remote_serial" BIGINT NOT NULL DEFAULT 0,
  "remote_size" BIGINT,
  "remote_mtime_ns" BIGINT,
  "sync_serial" BIGINT NOT NULL DEFAULT 0,
  "sync_size" BIGINT,
  "decision_serial" BIGINT NOT NULL DEFAULT 0,
  "candidate_marking" BIGINT NOT NULL DEFAULT 0,
  "due_at" TIMESTAMPTZ(6),
  "held_until" TIMESTAMPTZ(6),
  "updated_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "pair_id" INTEGER NOT NULL,
  "local_kind" SMALLINT NOT NULL DEFAULT 0,
  "local_mode" SMALLINT,
  "local_special" SMALLINT,
  "remote_kind" SMALLINT NOT NULL DEFAULT 0,
  "sync_kind" SMALLINT NOT NULL DEFAULT 0,
  "decision_action" SMALLINT,
  "decision_displaced" SMALLINT,
  "decision_turn" SMALLINT,
  "candidate_sides" SMALLINT NOT NULL DEFAULT 0,
  "attempts" SMALLINT NOT NULL DEFAULT 0,
  "name" TEXT COLLATE "C" NOT NULL,
  "local_hash" TEXT,
  "remote_hash" TEXT,
  "remote_version" TEXT,
  "sync_hash" TEXT,
  "decision_reason" TEXT,
  "held_by" TEXT,
  PRIMARY KEY ("pair_id", "name"),
  CONSTRAINT "entry_pair_id_fkey" FOREIGN KEY ("pair_id") REFERENCES "pair" ("id") ON DELETE CASCADE ON UPDATE NO ACTION,
  CONSTRAINT "entry_kinds" CHECK ("local_kind" BETWEEN 0 AND 3 AND "remote_kind" BETWEEN 0 AND 3 AND "sync_kind" BETWEEN 0 AND 2),
  CONSTRAINT "entry_file_facts" CHECK (
    ("local_kind" <> 1 OR num_nulls("local_size", "local_mtime_ns", "local_ctime_ns", "local_inode", "local_mode") = 0)
    AND ("remote_kind" <> 1 OR num_nulls("remote_size", "remote_hash") = 0)
    AND ("sync_kind" <> 1 OR num_nulls("sync_size", "sync_hash") = 0)
  ),
  CONSTRAINT "entry_candidate_sides" CHECK ("candidate_sides" BETWEEN 0 AND 3),
  CONSTRAINT "entry_decision_whole" CHECK (
    num_nonnulls("decision_action", "decision_displaced", "decision_turn", "decision_reason") IN (0, 4)
    AND ("decision_action" IS NULL) = ("decision_serial" = 0)
  ),
  CONSTRAINT "entry_held_only_pending" CHECK (
    ("held_until" IS NULL OR "decision_action" IS NOT NULL) AND ("held_by" IS NULL OR "held_until" IS NOT NULL)
  )
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
-- What needs work: these cost what is pending, not what exists (design section 4).
-- Pending decisions in two indexes, because creations are taken forwards and removals
-- backwards, and neither may have to step over a backlog of the other.
CREATE INDEX "entry_candidate_idx" ON "entry" ("pair_id", "name") WHERE "candidate_sides" <> 0 AND "decision_action" IS NULL;
CREATE INDEX "entry_creation_idx" ON "entry" ("pair_id", "name") WHERE "decision_turn" <= 4;
CREATE INDEX "entry_removal_idx" ON "entry" ("pair_id", "name") WHERE "decision_turn" >= 5;
CREATE INDEX "entry_held_idx" ON "entry" ("pair_id") WHERE "held_until" IS NOT NULL;
CREATE INDEX "entry_tombstone_idx" ON "entry" ("pair_id", "name")
  WHERE "local_kind" = 0 AND "remote_kind" = 0 AND "sync_kind" = 0 AND "decision_action" IS NULL AND "candidate_sides" = 0;

CREATE TABLE "history" (
  "id" BIGSERIAL PRIMARY KEY,
  "serial" BIGINT,
  "bytes" BIGINT,
  "at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "pair_id" INTEGER NOT NULL,
  "kind" SMALLINT NOT NULL,
  "side" SMALLINT,
  "name" TEXT COLLATE "C",
  "text" TEXT NOT NULL,
  CONSTRAINT "history_pair_id_fkey" FOREIGN KEY ("pair_id") REFERENCES "pair" ("id") ON DELETE CASCADE ON UPDATE NO ACTION
);
CREATE INDEX "history_pair_id_name_id_idx" ON "history" ("pair_id", "name", "id");
CREATE INDEX "history_transferred_idx" ON "history" ("pair_id", "at") WHERE "bytes" IS NOT NULL;
CREATE INDEX "history_conflict_idx" ON "history" ("pair_id", "id") WHERE "kind" = 4;

CREATE TABLE "problem" (
  "pair_id" INTEGER NOT NULL,
  "name" TEXT COLLATE "C" NOT NULL,
  "code" TEXT NOT NULL,
  "text" TEXT NOT NULL,
  "first_seen_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "last_seen_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "next_attempt_at" TIMESTAMPTZ(6),
  PRIMARY KEY ("pair_id", "name"),
  CONSTRAINT "problem_pair_id_fkey" FOREIGN KEY ("pair_id") REFERENCES "pair" ("id") ON DELETE CASCADE ON UPDATE NO ACTION
);

CREATE TABLE "recovery_pointer" (
  "id" BIGSERIAL PRIMARY KEY,
  "serial" BIGINT NOT NULL,
  "size" BIGINT NOT NULL,
  "displaced_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "look_again_at" TIMESTAMPTZ(6),
  "expires_at" TIMESTAMPTZ(6) NOT NULL,
  "pair_id" INTEGER NOT NULL,
  "side" SMALLINT NOT NULL,
  "kind" SMALLINT NOT NULL,
  "name" TEXT COLLATE "C" NOT NULL,
  "locator" TEXT NOT NULL,
  "hash" TEXT,
  CONSTRAINT "recovery_pointer_pair_id_fkey" FOREIGN KEY ("pair_id") REFERENCES "pair" ("id") ON DELETE CASCADE ON UPDATE NO ACTION
);
-- A repeated commit reports the same displacement again. Hashed, since a name and a locator
-- together exceed what an index row can hold.
CREATE UNIQUE INDEX "recovery_pointer_once" ON "recovery_pointer" ("pair_id", "name", "side", "kind", md5("locator"));
CREATE INDEX "recovery_pointer_expires_at_idx" ON "recovery_pointer" ("expires_at");
CREATE INDEX "recovery_pointer_look_again_idx" ON "recovery_pointer" ("look_again_at") WHERE "look_again_at" IS NOT NULL;
