-- Names that were synced come first among candidates, in byte order.
DROP INDEX "entry_suspect_idx";
CREATE INDEX "entry_suspect_idx" ON "entry" ("pair_id", "name")
  WHERE "candidate_sides" <> 0 AND "decision_action" IS NULL AND "sync_kind" <> 0;
