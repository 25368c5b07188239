-- What a delete passes before it is carried out (invariant 7). Deletes that an older process
-- decides wait like all others; one that is running must not be left to dispatch them.
ALTER TABLE "pair" ADD COLUMN "deletes_held_since" TIMESTAMPTZ(6);
CREATE INDEX "pair_deletes_held_idx" ON "pair" ("id") WHERE "deletes_held_since" IS NOT NULL;

ALTER TABLE "entry"
  ADD COLUMN "decision_cleared" BOOLEAN NOT NULL DEFAULT false,
  ADD COLUMN "deleted_at" TIMESTAMPTZ(6),
  ADD COLUMN "gone_side" SMALLINT,
  ADD COLUMN "gone_size" BIGINT,
  ADD COLUMN "gone_hash" TEXT,
  ADD COLUMN "gone_inode" BIGINT,
  ADD COLUMN "gone_mtime_ns" BIGINT,
  ADD CONSTRAINT "entry_cleared_only_deletes" CHECK (NOT "decision_cleared" OR coalesce("decision_action" >= 3, false)),
  ADD CONSTRAINT "entry_gone_whole" CHECK (
    "gone_side" IS NOT NULL OR num_nonnulls("gone_size", "gone_hash", "gone_inode", "gone_mtime_ns") = 0
  );
-- Deletes that wait, with the youngest and oldest of each side, and those marked since.
CREATE INDEX "entry_waiting_delete_idx" ON "entry" ("pair_id", "decision_action", "updated_at")
  WHERE "decision_action" >= 3 AND NOT "decision_cleared";
CREATE INDEX "entry_marked_delete_idx" ON "entry" ("pair_id")
  WHERE "decision_action" >= 3 AND NOT "decision_cleared" AND "candidate_sides" <> 0;
CREATE INDEX "entry_cleared_delete_idx" ON "entry" ("pair_id", "name") WHERE "decision_cleared" AND "held_until" IS NULL;
CREATE INDEX "entry_deleted_idx" ON "entry" ("pair_id", "deleted_at") WHERE "deleted_at" IS NOT NULL;
CREATE INDEX "entry_suspect_idx" ON "entry" ("pair_id")
  WHERE "candidate_sides" <> 0 AND "decision_action" IS NULL AND "sync_kind" <> 0;
