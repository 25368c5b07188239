-- What operators allow the fleet to do to its stores a second: of all stores, of one, or of one pair.
CREATE TABLE "rate_limit" (
  "id" SERIAL PRIMARY KEY,
  "store_id" INTEGER REFERENCES "store" ("id") ON DELETE CASCADE ON UPDATE NO ACTION,
  "pair_id" INTEGER REFERENCES "pair" ("id") ON DELETE CASCADE ON UPDATE NO ACTION,
  "timetable" TEXT,
  "bytes_per_second" DOUBLE PRECISION CHECK ("bytes_per_second" > 0),
  "requests_per_second" DOUBLE PRECISION CHECK ("requests_per_second" > 0),
  CHECK ("store_id" IS NULL OR "pair_id" IS NULL),
  CHECK ("bytes_per_second" IS NOT NULL OR "requests_per_second" IS NOT NULL)
);

-- One rule for a scope and its times. Ids begin at 1.
CREATE UNIQUE INDEX "rate_limit_scope_key" ON "rate_limit"
  (coalesce("store_id", 0), coalesce("pair_id", 0), coalesce("timetable", ''));
