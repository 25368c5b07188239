-- What went away here under an inode: where a file that moved came from.
CREATE INDEX "entry_gone_inode_idx" ON "entry" ("pair_id", "gone_inode") WHERE "gone_inode" IS NOT NULL;
