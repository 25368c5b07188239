-- A dispatch walks what waits and passes over nothing that is out already.
DROP INDEX "entry_creation_idx";
DROP INDEX "entry_removal_idx";
DROP INDEX "entry_held_idx";
CREATE INDEX "entry_creation_idx" ON "entry" ("pair_id", "name") WHERE "decision_turn" <= 4 AND "held_until" IS NULL;
CREATE INDEX "entry_removal_idx" ON "entry" ("pair_id", "name") WHERE "decision_turn" >= 5 AND "held_until" IS NULL;
CREATE INDEX "entry_held_idx" ON "entry" ("pair_id", "name") WHERE "held_until" IS NOT NULL;
