#!/bin/sh
# quickstart.sh - install what is missing, then show Holdfast at work on this machine.
#
# usage: npm run quickstart [-- --once] [-- --data DIR]
set -eu
root=$(CDPATH='' cd -P "$(dirname "$0")/.." && pwd)
sh "$root/scripts/ensure-installed.sh"
PATH="$root/node_modules/.bin:$PATH"
export PATH
exec node "$root/scripts/quickstart.ts" "$@"
