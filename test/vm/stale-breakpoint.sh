#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# stale-breakpoint.sh [SECONDS]: in a guest, makes the emulator run a breakpoint that the kernel has taken back (ADR 34), with nothing of
# ours loaded: a function tracer is put on and off five functions while three processes call them. The guest panics, or it ends with `survived`.
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
cd /sys/kernel/tracing || exit 3
printf 'ksys_read\nvfs_read\nksys_write\nvfs_write\nsecurity_file_permission\n' >set_ftrace_filter
readers=
for _ in 1 2 3; do
  dd if=/dev/zero of=/dev/null bs=1 count=2000000000 2>/dev/null &
  readers="$readers $!"
done
n=0
end=$(($(date +%s) + ${1:-100}))
while [ "$(date +%s)" -lt "$end" ]; do
  echo function >current_tracer
  echo nop >current_tracer
  n=$((n + 1))
done
echo "survived $n turns"
# shellcheck disable=SC2086 # several numbers
kill $readers
