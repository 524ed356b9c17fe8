#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# conformance.sh [--kernel 6.12|6.1|newest] [--timeout S] [--only REGEX] [--verbose] PATH...: plays conformance cases, files or folders
# of them, on this machine where its kernel takes LSM programs, else in a guest: all of them in one boot. Ends with
# `N passed, N failed, N skipped` and exits 1 where a case failed. Builds what it needs.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
kernel=6.12 timeout=1800 options=() paths=()
while [ $# -gt 0 ]; do
  case $1 in
    --kernel) kernel=${2:?}; shift 2 ;;
    --timeout) timeout=${2:?}; shift 2 ;;
    --only | --failing) options+=("$1" "${2:?}"); shift 2 ;;
    --verbose) options+=("$1"); shift ;;
    -*) echo "conformance: unknown option $1" >&2; exit 2 ;;
    *) paths+=("$(cd "$here" && realpath -qe "$1")") || { echo "conformance: there is no $1" >&2; exit 2; }; shift ;;
  esac
done
[ ${#paths[@]} -gt 0 ] || { echo 'conformance: no cases: give files or folders of them' >&2; exit 2; }
{ make --no-print-directory build && tools/node test/kernel/run.ts --build; } >&2
play=("$PWD/tools/node" "$PWD/test/conformance/run.ts" "${options[@]}" "${paths[@]}")
if why=$(tools/lsm-probe); then exec "${play[@]}"; fi
echo "$why; starting a guest with kernel $kernel" >&2
exec tools/vm --kernel "$kernel" --timeout "$timeout" -- "${play[@]}" --kernel "$kernel"
