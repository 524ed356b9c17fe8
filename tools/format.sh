#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# format.sh [--check]: formats TypeScript and C in place, or exits 1 and names the files that are not formatted.
set -uo pipefail
cd "$(dirname "$0")/.."
mapfile -t c_files < <(find bpf native test -name '*.[ch]' | sort)
if [ "${1:-}" = --check ]; then
  node_modules/.bin/oxfmt --check 'src/**/*.ts' 'tools/**/*.ts' 'test/**/*.ts' --no-error-on-unmatched-pattern
  code=$?
  clang-format-19 --dry-run --Werror "${c_files[@]}" || code=1
  exit $code
fi
node_modules/.bin/oxfmt 'src/**/*.ts' 'tools/**/*.ts' 'test/**/*.ts' --no-error-on-unmatched-pattern && clang-format-19 -i "${c_files[@]}"
