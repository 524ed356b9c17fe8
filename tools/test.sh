#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test.sh [--static|--unit|--full]: everything that must be green. Ends with one line, `N passed, N failed`, and exits 1 where
# something failed. --static: only what needs no run; --unit: that and the unit tests; --full: guests even where this
# machine's kernel enforces, and the newest kernel that Debian offers too (one part of make test-full).
# Each check counts as one; suites count their cases. Output of all parts: .cache/logs. KUBEARMOR_SEED repeats a seed.
set -uo pipefail
cd "$(dirname "$0")/.."
exec </dev/null
mode=${1:-}
logs=$PWD/.cache/logs
summary=$PWD/.cache/summary
passed=0 failed=0 skipped=0
mkdir -p "$logs"
rm -f "$summary"

finish() {
  [ "$skipped" = 0 ] || echo "$skipped skipped"
  echo "$passed passed, $failed failed" | tee "$summary"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}

# logged NAME COMMAND...: runs it into .cache/logs/NAME.log; its exit code, and the seconds in $took. Once more where the guest died
# of what ADR 34 has measured of the emulator.
logged() {
  local name=$1 log=$logs/$1.log start=$SECONDS code
  shift
  "$@" >"$log" 2>&1
  code=$?
  if grep -q '^vm: the emulator ran a breakpoint' "$log"; then
    echo "        $name: the emulator ran a breakpoint that the kernel had taken back (docs/adr/0034); once more"
    mv "$log" "$log.emulator"
    "$@" >"$log" 2>&1
    code=$?
  fi
  took=$((SECONDS - start))
  return $code
}

# check NAME COMMAND...: passes or fails as a whole.
check() {
  if logged "$@"; then
    passed=$((passed + 1))
    echo "ok      $1 ($took s)"
  else
    failed=$((failed + 1))
    echo "FAILED  $1 ($took s), the end of .cache/logs/$1.log:"
    tail -n 40 "$logs/$1.log" | sed 's/^/    /'
  fi
}

# count NAME CODE PASSED FAILED SKIPPED: adds a suite's cases; a suite that did not tell its result is one failure, and so is
# one that exits with an error although it tells of none.
count() {
  local name=$1 code=$2 ok=${3:-0} bad=${4:-} skip=${5:-0} word=ok
  if [ -z "$bad" ]; then
    bad=1
    echo "        $name ended without its result (exit code $code)"
  elif [ "$code" != 0 ] && [ "$bad" = 0 ]; then
    bad=1
    echo "        $name told of no failure, yet its exit code is $code"
  fi
  passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
  [ "$bad" = 0 ] || word=FAILED
  printf '%-7s %s: %s passed, %s failed, %s skipped (%s s)\n' "$word" "$name" "$ok" "$bad" "$skip" "$took"
  [ "$bad" = 0 ] || tail -n 60 "$logs/$name.log" | sed 's/^/    /'
}

# unit: node's own runner over everything named *.test.ts.
unit() {
  local files code log=$logs/unit.log
  mapfile -t files < <(find src tools test -name '*.test.ts' | sort)
  logged unit timeout -k 5 1500 tools/node --import ./tools/testing/seed.ts --test --test-timeout=120000 --test-reporter=spec "${files[@]}"
  code=$?
  count unit $code $(sed -nE 's/^ℹ (pass|fail|skipped) ([0-9]+)$/\2/p' "$log" | tail -3)
}

# cases NAME COMMAND...: a suite whose last line is `N passed, N failed[, N skipped]`.
cases() {
  local code
  logged "$@"
  code=$?
  count "$1" $code $(tail -n 1 "$logs/$1.log" | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 \4/p')
}

# A few random policy sets against the evaluator and the naive model; make test-full plays hundreds.
fuzz() {
  cases "fuzz-$1" timeout 900 tools/node test/kernel/fuzz/kernel.ts --kernel "$1" --sets 20 --minutes 0.5
}

kernel_cases() {
  local kernels='6.12 6.1'
  if tools/lsm-probe; then
    cases kernel-local timeout 1800 tools/node test/kernel/run.ts --kernel local
    fuzz local
    [ "$mode" = --full ] || return
  fi
  [ "$mode" != --full ] || kernels="$kernels newest"
  for kernel in $kernels; do
    cases "kernel-$kernel" tools/vm --kernel "$kernel" --timeout 1500 --console "$logs/console-$kernel" --rw "$logs" -- "$PWD/tools/node" "$PWD/test/kernel/run.ts" --kernel "$kernel"
    sed -nE 's/^[^ ]+: ([0-9]+\.[0-9]+\.[^,]*), enforcer open.*/Linux \1/p' "$logs/kernel-$kernel.log"
    fuzz "$kernel"
  done
}

# The agent end to end: containerd, refusals, alerts, bad input, survival.
agent_cases() {
  cases agent-6.12 tools/vm --kernel 6.12 --timeout 1200 --console "$logs/console-agent-6.12" -- "$PWD/tools/node" "$PWD/test/vm/agent.vm.ts"
}

# Starts, what enters, and agents that come and go: none of it without rules. make test-full has the stated counts.
lifetime_cases() {
  cases lifetime-6.12 tools/vm --kernel 6.12 --timeout 1800 --console "$logs/console-lifetime-6.12" -- "$PWD/tools/node" "$PWD/test/vm/agent.vm.ts" --lifetime
}

# KubeArmor's behaviour as cases: our own, those that must fail, and the collection beside the repository where it is there.
conformance_cases() {
  local kernel kernels=6.12 shared paths=("$PWD/test/conformance/cases") options=(--failing "$PWD/test/conformance/failing")
  if shared=$(realpath -qe ../shared/conformance/cases); then paths+=("$shared")
  else echo '        conformance: ../shared/conformance/cases is not here: only our own cases'; fi
  if tools/lsm-probe; then
    cases conformance-local timeout 1800 tools/node test/conformance/run.ts "${options[@]}" "${paths[@]}"
    [ "$mode" = --full ] || return
  fi
  [ "$mode" != --full ] || kernels='6.12 6.1'
  for kernel in $kernels; do
    cases "conformance-$kernel" tools/vm --kernel "$kernel" --timeout 1500 -- "$PWD/tools/node" "$PWD/test/conformance/run.ts" --kernel "$kernel" "${options[@]}" "${paths[@]}"
  done
}

# Against a real API server on loopback, faults in full length. Its programs are built first where they are not there, ten minutes and more:
# for make test-full alone. The unit tests have the same faults, shortened, with an API server in memory.
cluster_cases() {
  cases cluster timeout 9000 tools/node test/cluster/run.ts --full
}

# Helm judges the charts. It is built for make test-full where it is not there, ten minutes and more; make test takes one that is.
helm_cases() {
  local code log=$logs/helm.log
  if [ "$mode" != --full ] && ! tools/helm/build --there >/dev/null; then
    skipped=$((skipped + 1))
    echo '        helm: it is not built here (tools/helm/build), so the charts are judged by make test-full alone'
    return
  fi
  logged helm timeout -k 5 3600 tools/node --test --test-reporter=spec test/helm/render.ts
  code=$?
  count helm $code $(sed -nE 's/^ℹ (pass|fail|skipped) ([0-9]+)$/\2/p' "$log" | tail -3)
}

sh tools/setup.sh || { echo 'FAILED  setup'; failed=1; finish; }
read -r version <tools/node-version
export PATH="$PWD/.cache/node-$version/bin:$PWD/node_modules/.bin:$PATH"
export KUBEARMOR_SEED=${KUBEARMOR_SEED:-$((RANDOM * 32768 + RANDOM))}
echo "seed $KUBEARMOR_SEED (KUBEARMOR_SEED=$KUBEARMOR_SEED repeats it)"

check format tools/format.sh --check
check lint oxlint --type-aware --deny-warnings
check types tsc -p .
check boundaries tools/node tools/boundaries.ts
check licences tools/node tools/licences.ts
check bpf make -C bpf
check canary make -C native
check bundle tools/bundle.sh
check native tools/node test/kernel/run.ts --build
check generated tools/generate.sh --check
[ "$mode" != --static ] || finish
unit
[ "$mode" != --unit ] || finish
helm_cases
kernel_cases
conformance_cases
agent_cases
lifetime_cases
[ "$mode" != --full ] || cluster_cases
finish
