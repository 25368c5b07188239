#!/bin/sh
# db-generate.sh - generate the Prisma client when prisma/schema.prisma has changed.
#
# usage: db-generate.sh [--quiet]     quiet: say nothing when there is nothing to do
#
# Works without a network: the generator is WebAssembly from npm. It only wants to
# see a schema engine binary, which it would download and never run here, so it is
# shown /bin/true. The stamp holds what the client was made of.
set -eu
cd "$(dirname "$0")/.."
SCHEMA=prisma/schema.prisma
OUT=libs/archive-prisma/generated
STAMP=$OUT/.stamp
if [ ! -f "$SCHEMA" ]; then
  [ "${1:-}" = --quiet ] || echo "there is no $SCHEMA yet"
  exit 0
fi

# Whoever follows the schema also follows the generator's version.
now=$(cat "$SCHEMA" node_modules/prisma/package.json | cksum)
if [ -f "$STAMP" ] && [ "$(cat "$STAMP")" = "$now" ]; then
  [ "${1:-}" = --quiet ] || echo "the Prisma client is up to date"
  exit 0
fi
echo "Generating the Prisma client"
if ! said=$(PATH="$PWD/node_modules/.bin:$PATH" PRISMA_SCHEMA_ENGINE_BINARY=/bin/true \
  PRISMA_HIDE_UPDATE_MESSAGE=1 CHECKPOINT_DISABLE=1 prisma generate --no-hints 2>&1); then
  echo "$said" >&2
  exit 1
fi
mkdir -p "$OUT"
echo "$now" > "$STAMP"
