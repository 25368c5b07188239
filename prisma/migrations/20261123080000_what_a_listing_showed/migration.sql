-- What a listing showed of a name while a decision was pending: mostly the work of that decision, and then there is
-- nothing to look at once it is acknowledged. It counts only while no other marking came, so statements that know
-- nothing of it need not take it back.
ALTER TABLE "entry"
  ADD COLUMN "listed_marking" BIGINT,
  ADD COLUMN "listed_content" TEXT,
  ADD CONSTRAINT "entry_listed_whole" CHECK (num_nonnulls("listed_marking", "listed_content") IN (0, 2));
