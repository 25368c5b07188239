-- Old processes cannot live with this one: stop them first. Digests as bytes, since each entry has up to three of them:
-- those in hex after a byte 0, any other as its text after a byte 1.
CREATE FUNCTION "digest_bytes"(digest text) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT
RETURN CASE WHEN digest ~ '^([0-9a-f]{2})+$' THEN '\x00'::bytea || decode(digest, 'hex')
  ELSE '\x01'::bytea || convert_to(digest, 'UTF8') END;

ALTER TABLE "entry"
  ALTER COLUMN "local_hash" TYPE BYTEA USING "digest_bytes"("local_hash"),
  ALTER COLUMN "remote_hash" TYPE BYTEA USING "digest_bytes"("remote_hash"),
  ALTER COLUMN "sync_hash" TYPE BYTEA USING "digest_bytes"("sync_hash"),
  ALTER COLUMN "gone_hash" TYPE BYTEA USING "digest_bytes"("gone_hash");

DROP FUNCTION "digest_bytes"(text);
