#!/bin/sh
# ensure-installed.sh - make the checkout ready to run: npm packages, Node 24, Prisma client.
#
# Needs only sh, Node >= 20 and npm >= 10; says nothing when there is nothing to do.
# Node 24 comes as the npm package "node", so npm scripts find it first on their PATH
# whatever the machine's own Node is.
set -eu
cd "$(dirname "$0")/.."

fail() {
  echo "holdfast: $*" >&2
  exit 1
}

# Without our own bin folder: `npm ci` deletes the Node in it while it runs.
outer_path() {
  printf '%s' "$PATH" | tr ':' '\n' | grep -v 'node_modules/\.bin/*$' | paste -sd: -
}

node_major() {
  PATH="$PWD/node_modules/.bin:$PATH" node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0
}

# Prisma's download host is not a registry and not needed; npm 10 would run the script that asks it.
npm_quietly() {
  PATH=$(outer_path) PRISMA_ENGINES_MIRROR=http://127.0.0.1:9 \
    npm "$@" --include=dev --no-audit --no-fund --loglevel=error < /dev/null 2>&1
}

install_packages() {
  said=$(npm_quietly ci) && return 0
  case $said in
    # The lock file lacks packages of other platforms when the registry it was written
    # with does not have them; `npm install` takes what is locked and passes over the rest.
    *EUSAGE*"in sync"*) said=$(npm_quietly install --no-save) ;;
    *) return 1 ;;
  esac
}

# The stamp says which lock file was installed; npm's own hidden lock is written last of all,
# so together they also show an installation that was cut off.
STAMP=node_modules/.holdfast-installed
HIDDEN=node_modules/.package-lock.json
want=$(cksum < package-lock.json)
have=
if [ -f "$STAMP" ] && [ -f "$HIDDEN" ]; then have=$(cat "$STAMP"); fi
if [ "$have" != "$want" ] && [ ! -f "$STAMP" ] && [ -f "$HIDDEN" ] && [ "$HIDDEN" -nt package-lock.json ]; then
  have=$want    # installed by hand with npm, after the lock file was written
  echo "$want" > "$STAMP"
fi

if [ "$have" != "$want" ]; then
  command -v npm > /dev/null || fail "npm is not on PATH: install Node 20 or later with npm 10 or later"
  echo "Installing npm packages (about a minute)"
  install_packages || {
    echo "$said" >&2
    fail "npm could not install the packages; its words are above"
  }
  if [ "$(node_major)" -lt 24 ]; then
    # npm was told not to run install scripts; only this one is missing.
    PATH=$(outer_path) npm rebuild node --ignore-scripts=false > /dev/null 2>&1 < /dev/null || :
  fi
  echo "$want" > "$STAMP"
fi

if [ "$(node_major)" -lt 24 ]; then
  rm -f "$STAMP"
  fail "Node 24 is needed and npm did not install it (package \"node\", whose install script was not run):" \
    "run \"npm rebuild node --ignore-scripts=false\", or put a Node 24 or later on PATH"
fi
sh scripts/db-generate.sh --quiet
