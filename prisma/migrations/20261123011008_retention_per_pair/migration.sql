-- How long a pair keeps what commits displaced; null: as the processes are configured, and any number of bytes.
ALTER TABLE "pair"
  ADD COLUMN "trash_days" INTEGER CHECK ("trash_days" >= 0),
  ADD COLUMN "trash_bytes" BIGINT CHECK ("trash_bytes" >= 0);

-- What of a pair is the oldest is asked every few seconds where bytes are limited.
CREATE INDEX "recovery_pointer_pair_id_displaced_at_idx" ON "recovery_pointer" ("pair_id", "displaced_at" DESC, "id" DESC);
