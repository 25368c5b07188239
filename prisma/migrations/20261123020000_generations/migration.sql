-- Generations: what tells that a folder, a container or this database was restored from a backup.
ALTER TABLE "pair"
  ADD COLUMN "container_created_at" TEXT,
  ADD COLUMN "union_reason" TEXT,
  ADD COLUMN "union_at" TIMESTAMPTZ(6),
  ADD COLUMN "generation" BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN "generation_serial" BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN "generation_at" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  ADD COLUMN "generation_used" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "local_generation" BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN "local_stamp" TEXT,
  ADD COLUMN "remote_generation" BIGINT NOT NULL DEFAULT 0,
  ADD CONSTRAINT "pair_union_whole" CHECK (num_nonnulls("union_reason", "union_at") IN (0, 2));
