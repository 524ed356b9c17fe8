#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Generates src/runtimes/gen/*_pb.ts from these files. With --check it changes nothing and exits 1 where a file differs.
set -eu
cd "$(dirname "$0")"
gen=../../../src/runtimes/gen
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
# protoc-gen-es and buf start by `env node`; the caller's PATH must hold Node.
../../../node_modules/.bin/buf generate --template buf.gen.yaml --output "$fresh" .
if [ "${1:-}" = --check ]; then
  diff -rq "$fresh" "$gen" >&2 || { echo "api/proto/containerd/generate.sh: $gen is not what the .proto files give" >&2; exit 1; }
else
  rm -f "$gen"/*_pb.ts
  cp "$fresh"/*_pb.ts "$gen"
fi
