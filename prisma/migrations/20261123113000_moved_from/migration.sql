-- Where what moved on one side came from: by its inode here, by its digest upstream.
CREATE INDEX "entry_gone_inode_idx" ON "entry" ("pair_id", "gone_inode") WHERE "gone_inode" IS NOT NULL;
CREATE INDEX "entry_gone_hash_idx" ON "entry" ("pair_id", "gone_hash") WHERE "gone_side" = 2 AND "gone_hash" IS NOT NULL;
