#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Generates src/wire/*_pb.ts from these files. With --check it changes nothing and exits 1 where a file differs.
set -eu
cd "$(dirname "$0")"
wire=../../src/wire
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
# protoc-gen-es and buf start by `env node`; the caller's PATH must hold Node.
../../node_modules/.bin/buf generate --template buf.gen.yaml --output "$fresh" .
status=0
for file in $(cd "$fresh" && find . -name '*_pb.ts'); do
  # One flat folder: no generated file imports another.
  target=$wire/$(basename "$file")
  if [ "${1:-}" = --check ]; then
    cmp -s "$fresh/$file" "$target" || { echo "api/proto/generate.sh: $target is not what the .proto files give" >&2; status=1; }
  else
    cp "$fresh/$file" "$target"
  fi
done
exit $status
