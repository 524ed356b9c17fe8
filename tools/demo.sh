#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh [--kernel 6.12|6.1]: the exercise of demo/, on this machine where its kernel takes LSM programs, else in a guest.
# NO_COLOR=1: plain; FORCE_COLOR=1: coloured also where no terminal reads. Exits 1 where a claim does not hold.
set -euo pipefail
cd "$(dirname "$0")/.."
kernel=6.12
while [ $# -gt 0 ]; do
  case $1 in
    --kernel) kernel=${2:?}; shift 2 ;;
    *) echo "demo: unknown option $1" >&2; exit 2 ;;
  esac
done
DEMO_IMAGE=$(demo/make-image.sh)
DEMO_COLOUR=''
if [ -z "${NO_COLOR:-}" ] && { [ -t 1 ] || [ -n "${FORCE_COLOR:-}" ]; }; then DEMO_COLOUR=1; fi
DEMO_WIDTH=$({ stty size </dev/tty | cut -d' ' -f2; } 2>/dev/null || echo 100)
[ "$DEMO_WIDTH" -ge 40 ] || DEMO_WIDTH=100
export DEMO_IMAGE DEMO_COLOUR DEMO_WIDTH DEMO_WHERE
if why=$(tools/lsm-probe); then
  DEMO_WHERE='this machine'
  # Mounts and network of its own: nothing of it can meet a containerd, an agent or a web server of this machine.
  exec unshare --mount --net demo/exercise.sh
fi
DEMO_WHERE="a guest with Debian's $kernel kernel"
echo "$why; starting $DEMO_WHERE"
exec tools/vm --kernel "$kernel" --timeout 600 -- "$PWD/demo/exercise.sh"
