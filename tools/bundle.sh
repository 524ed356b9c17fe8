#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bundle.sh: one file of each program (tools/programs.ts) below .cache/dist, which start three times as quick as hundreds of sources.
# Two levels below the root, as src/agent is: the paths relative to a source hold in it too. Needs Node 26 first in PATH.
set -eu
cd "$(dirname "$0")/.."
fresh=.cache/dist.$$
trap 'rm -rf "$fresh"' EXIT
mkdir -p "$fresh"
touch "$fresh/stamp" # before the sources are read: what changes meanwhile is newer
programs=$(node tools/programs.ts)
echo "$programs" | while read -r program; do
  # shellcheck disable=SC2086 # a program and perhaps an option
  node_modules/.bin/esbuild $program --bundle --platform=node --format=esm --target=node26 --external:koffi --outdir="$fresh" --log-level=warning \
    '--banner:js=import { createRequire as ownRequire } from "node:module"; const require = ownRequire(import.meta.url);'
done
rm -rf .cache/dist
mv "$fresh" .cache/dist
