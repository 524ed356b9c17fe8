#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# install.sh [-b DIR] [-u URL] [-d] [TAG]: installs karmor, the command line of KubeArmor, on Linux.
#   -b DIR  where the program goes (default ./bin); its Node goes to DIR/../lib/karmor, or to DIR/.karmor where DIR is not called bin
#   -u URL  where releases are: the folder that has `latest` and one folder for each tag (else KUBEARMOR_RELEASES)
#   -d      says what it does
#   TAG     the release, like v1.2.3; without it the one that URL/latest names
# Nothing is installed whose SHA-256 is not the one in the release's list, and what was there stays until the new one is whole.
set -eu

dir=./bin
url=${KUBEARMOR_RELEASES:-}
verbose=
work=

say() { printf 'install.sh: %s\n' "$*" >&2; }
tell() { [ -z "$verbose" ] || say "$*"; }
fail() { say "$*"; exit 1; }
usage() { sed -n '4,10s/^# \{0,1\}//p' "$0" 2>/dev/null || true; }
clean() { [ -z "$work" ] || rm -rf "$work"; }
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

need() { command -v "$1" >/dev/null 2>&1 || fail "$1 is missing; please install it"; }

# fetch URL FILE: also fails where the answer is an error page, or ends early.
fetch() {
  tell "fetching $1"
  if command -v curl >/dev/null 2>&1; then
    curl -fsSL --retry 2 --connect-timeout 20 -o "$2" "$1"
  elif command -v wget >/dev/null 2>&1; then
    wget -q -t 2 -T 20 -O "$2" "$1"
  else
    fail 'neither curl nor wget is here; please install one'
  fi
}

sum_of() {
  if command -v sha256sum >/dev/null 2>&1; then
    sha256sum "$1" | cut -d' ' -f1
  elif command -v shasum >/dev/null 2>&1; then
    shasum -a 256 "$1" | cut -d' ' -f1
  else
    fail 'neither sha256sum nor shasum is here; please install one'
  fi
}

architecture() {
  [ "$(uname -s)" = Linux ] || fail "there is no program for $(uname -s); the npm package @kubearmor/karmor runs wherever Node does"
  case $(uname -m) in
    x86_64 | amd64) echo amd64 ;;
    aarch64 | arm64) echo arm64 ;;
    *) fail "there is no program for $(uname -m); the npm package @kubearmor/karmor runs wherever Node does" ;;
  esac
}

# A word from outside becomes part of paths.
check_tag() {
  case $1 in
    v[0-9]*) ;;
    *) fail "$2 is no tag: a tag is v and a version, like v1.2.3" ;;
  esac
  case $1 in
    *[!A-Za-z0-9.-]* | *..*) fail "$2 is no tag: a tag is v and a version, like v1.2.3" ;;
  esac
}

# place_of DIR: where Node and the program's file go.
place_of() {
  case $(basename "$1") in
    bin) echo "$(dirname "$1")/lib/karmor" ;;
    *) echo "$1/.karmor" ;;
  esac
}

download() {
  name=karmor_${tag#v}_linux_$arch.tar.gz
  fetch "$url/$tag/SHA256SUMS" "$work/SHA256SUMS" || fail "there is no release $tag at $url, or it cannot be reached"
  want=$(awk -v n="$name" '$2 == n { print $1 }' "$work/SHA256SUMS")
  [ -n "$want" ] || fail "the release $tag has no $name in its list SHA256SUMS"
  fetch "$url/$tag/$name" "$work/$name" || fail "$url/$tag/$name could not be fetched whole; nothing was changed"
  got=$(sum_of "$work/$name")
  [ "$got" = "$want" ] || fail "$name is not what its release says (SHA-256 $got, expected $want); nothing was changed"
  tell "its SHA-256 is $got, as the release says"
}

# Unpacked beside its place, tried, then put there by one rename; the link that PATH finds is changed last.
install_it() {
  mkdir -p "$dir" "$place" || fail "$dir or $place cannot be written; choose another folder with -b, or run this as root"
  dir=$(cd "$dir" && pwd)
  place=$(cd "$place" && pwd)
  [ -w "$dir" ] && [ -w "$place" ] || fail "$dir or $place cannot be written; choose another folder with -b, or run this as root"
  if [ -e "$dir/karmor" ] && [ ! -L "$dir/karmor" ]; then tell "replacing $dir/karmor, which is no link of ours"; fi
  fresh=$place/.new.$$
  rm -rf "$fresh"
  mkdir "$fresh"
  tar -xzf "$work/$name" -C "$fresh" --no-same-owner 2>/dev/null || { rm -rf "$fresh"; fail "$name cannot be unpacked into $place"; }
  if ! said=$("$fresh/karmor" version --client 2>&1); then
    rm -rf "$fresh"
    fail "the program does not run here; nothing was changed. It said: $said"
  fi
  rm -rf "${place:?}/$tag"
  mv "$fresh" "$place/$tag"
  ln -s "$place/$tag/karmor" "$dir/.karmor.$$"
  mv -f "$dir/.karmor.$$" "$dir/karmor"
  for old in "$place"/v*; do
    [ "$old" = "$place/$tag" ] || rm -rf "$old"
  done
  echo "$said is installed as $dir/karmor"
}

while getopts b:u:dh option; do
  case $option in
    b) dir=$OPTARG ;;
    u) url=$OPTARG ;;
    d) verbose=1 ;;
    h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -le 1 ] || { usage >&2; exit 2; }

need tar
need awk
arch=$(architecture)
[ -n "$url" ] || fail 'where are the releases? Give their address with -u URL, or in KUBEARMOR_RELEASES'
url=${url%/}
work=$(mktemp -d)
tag=${1:-}
if [ -z "$tag" ]; then
  fetch "$url/latest" "$work/latest" || fail "$url/latest cannot be read: is that the address of the releases?"
  tag=$(head -n 1 "$work/latest" | tr -d '\r')
  check_tag "$tag" "what $url/latest says"
else
  check_tag "$tag" "$tag"
fi
place=$(place_of "$dir")
download
install_it
