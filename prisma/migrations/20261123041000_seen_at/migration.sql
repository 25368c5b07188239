-- When the change that is not done yet was first seen, from which lag is counted. A trigger, so that no statement that
-- marks names can forget it; its condition costs nothing where a name is undone already.
ALTER TABLE "entry" ADD COLUMN "seen_at" TIMESTAMPTZ(6) NOT NULL DEFAULT now();

CREATE FUNCTION "entry_seen"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW."seen_at" := now();
  RETURN NEW;
END $$;

CREATE TRIGGER "entry_seen" BEFORE UPDATE ON "entry" FOR EACH ROW
  WHEN (OLD."candidate_sides" = 0 AND OLD."decision_action" IS NULL AND NEW."candidate_sides" <> 0)
  EXECUTE FUNCTION "entry_seen"();
