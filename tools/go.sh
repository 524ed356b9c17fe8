# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# To be sourced by builds of Go programs, which are kept by what they are made of. Of its caller it wants `name`, the word before messages,
# `source`, the folder of go.mod, and `home`, where binaries and Go's caches are.
#
# Needs Go 1.19 or later (Debian's golang-go): where it is older than go.mod asks for, the right one comes as a Go module.
# KUBEARMOR_KEEP_GOCACHE=1 keeps Go's caches (default: deleted once the binary is there).

go_version=1.26.8
say() { echo "$name: $*" >&2; }
fail() { say "$*"; exit 1; }

case $(uname -m) in
  x86_64) platform=linux-amd64 toolchain_sum='h1:ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=' ;;
  *) fail "no pinned Go for $(uname -m)" ;;
esac

# patiently SECONDS COMMAND...: a registry that hangs is asked again; what has come stays.
patiently() {
  limit=$1
  shift
  for _ in 1 2 3; do
    timeout "$limit" "$@" && return
  done
  return 1
}

# right_go: puts the Go of $go_version first in PATH, with caches below $home.
right_go() {
  export GOMODCACHE="$home/go/mod" GOCACHE="$home/go/build" GOTOOLCHAIN=local GOFLAGS=-modcacherw GOWORK=off CGO_ENABLED=0
  command -v go >/dev/null || fail 'Go is missing: apt-get install golang-go'
  [ "$(cd / && go env GOVERSION)" != "go$go_version" ] || return 0
  module=golang.org/toolchain@v0.0.1-go$go_version.$platform
  say "fetching Go $go_version (Go module $module)"
  said=$(cd / && GO111MODULE=on patiently 900 go mod download -json "$module") || fail "Go could not fetch $module"
  got=$(echo "$said" | sed -n 's/^\t"Sum": "\(.*\)".*/\1/p')
  [ "$got" = "$toolchain_sum" ] || fail "$module is not what it was: $got"
  toolchain=$GOMODCACHE/$module
  chmod -R +x "$toolchain/bin" "$toolchain/pkg/tool" # Go before 1.21 unpacks it as any other module: nothing is executable
  PATH=$toolchain/bin:$PATH
  export PATH
}

# key_of FILE...: a name for what is made from these files of $source.
key_of() {
  (cd "$source" && { cat "$@"; echo "$go_version $platform"; } | sha256sum | cut -c1-16)
}

# alone: waits until nobody else builds here.
alone() {
  mkdir -p "$home/go"
  home=$(cd "$home" && pwd)
  exec 9>"$home/build.lock"
  flock -n 9 || { say 'another build is under way: waiting for it'; flock 9; }
}

# keep FRESH KEY: puts a folder in its place, and Go's caches away.
keep() {
  chmod 755 "$1"
  rm -rf "${home:?}/${2:?}"
  mv "$1" "$home/$2"
  [ -n "${KUBEARMOR_KEEP_GOCACHE:-}" ] || rm -rf "$home/go"
}
