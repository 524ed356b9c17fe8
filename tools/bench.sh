#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench.sh [--only NAME]... [--list]: measures what the budgets speak of and prints a table beside them (docs/reference/performance.md).
# Needs what `make build` leaves, and root. Numbers: .cache/bench/*.json.
cd "$(dirname "$0")/.." || exit
exec tools/node test/bench/run.ts "$@"
