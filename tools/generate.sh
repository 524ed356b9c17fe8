#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# generate.sh [--check]: writes every generated source again; with --check it writes nothing and exits 1 where one differs.
# Needs the BPF objects (make -C bpf) and Node 26 first in PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"
check=${1:-}
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
status=0

# place NEW OLD: puts a fresh file in its place, or says that it differs.
place() {
  cmp -s "$1" "$2" && return
  if [ "$check" = --check ]; then
    echo "generate: $2 is not what its source gives; run make generate" >&2
    status=1
  else
    cp "$1" "$2"
  fi
}

# layouts OUT STRUCTS ENUMS: layouts of bpf/*.h as TypeScript.
layouts() {
  tools/node tools/gen-layouts.ts .cache/bpf/layouts.o --structs "$2" --enums "$3" >"$fresh/layouts"
  place "$fresh/layouts" "$1"
}

layouts src/policy/image-layout.gen.ts image_head,entry,net_entry image_flag,family,posture,access,condition,verdict,net_kind,net_op
layouts src/enforce/bpf-lsm/event-layout.gen.ts event,fold,gate,held hook,outcome,event_flag,counter,scope_mode,gate_mode,settled_kind
tools/node tools/gen-crds.ts "$fresh/crd"
for file in "$fresh"/crd/*.yaml api/crd/*.yaml; do
  name=${file##*/}
  if [ -e "$fresh/crd/$name" ]; then place "$fresh/crd/$name" "api/crd/$name"
  else echo "generate: no source gives api/crd/$name; remove it" >&2 && status=1; fi
done
api/proto/generate.sh $check || status=1
api/proto/containerd/generate.sh $check || status=1
tools/node docs/generate.ts $check || status=1

exit $status
