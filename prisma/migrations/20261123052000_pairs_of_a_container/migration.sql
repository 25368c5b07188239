-- A pair is shown with the others on its container; without this each look would read all pairs.
CREATE INDEX "pair_container_idx" ON "pair" ("container");
