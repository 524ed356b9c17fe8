#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# inputs.sh [--exact] [--lock]: what a release has in it that is not of this repository, below .cache/release/inputs: Node and koffi
# for both architectures, and the Debian packages of debian.txt. What is there is not fetched again, so it may be run offline then.
#   --exact  a Debian package that the archive has no more in its locked version is an error; else the newest one is taken, and said
#   --lock   writes debian.lock: the newest versions of now
# Packages come through apt lists of their own, made from the machine's sources of Debian; /etc/apt and /var/lib/apt stay as they are.
set -euo pipefail
cd "$(dirname "$0")/../.."
exact='' lock=''
for word in "$@"; do
  case $word in
    --exact) exact=1 ;;
    --lock) lock=1 ;;
    *) echo "inputs: unknown option $word" >&2; exit 2 ;;
  esac
done
home=$PWD/.cache/release/inputs
locked=tools/release/debian.lock
mkdir -p "$home/debian"
exec 9>"$home/lock"
flock 9
say() { echo "inputs: $*" >&2; }

# npm_input DIR NAME VERSION HASH: fetched anew where another version or hash is wanted.
npm_input() {
  [ "$(cat "$home/$1.is" 2>/dev/null)" = "$2 $3 $4" ] && return
  say "fetching $2 $3"
  rm -f "$home/$1.is"
  tools/npm-package "$2" "$3" "$4" "$home/$1"
  echo "$2 $3 $4" >"$home/$1.is"
}

npm_inputs() {
  local version arch
  read -r version <tools/node-version
  for arch in x64 arm64; do
    npm_input "node-$arch" "node-linux-$arch" "$version" "$(sed -n "s/^node-linux-$arch //p" tools/node-hashes)"
    # shellcheck disable=SC2046 # two words
    npm_input "koffi-$arch" "@koromix/koffi-linux-$arch" $(node -e '
      const { version, integrity } = require("./package-lock.json").packages[`node_modules/@koromix/koffi-linux-${process.argv[1]}`];
      console.log(version, integrity);' "$arch")
  done
}

# private_lists: apt's options for lists of both architectures.
private_lists() {
  local area=$home/apt keys=/usr/share/keyrings/debian-archive-keyring.gpg signed=
  [ ! -s "$keys" ] || signed="signed-by=$keys"
  mkdir -p "$area/lists/partial" "$area/archives/partial"
  apt-get indextargets --format "deb [$signed arch=amd64,arm64] \$(REPO_URI) \$(RELEASE) main" \
    'Identifier: Packages' 'Component: main' 'Origin: Debian' | grep ' bookworm' | sort -u >"$area/sources.list"
  [ -s "$area/sources.list" ] || { say 'apt knows no Debian 12 archive here; run apt-get update first'; return 1; }
  apt=(-o "Dir::Etc::sourcelist=$area/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$area/lists"
    -o "Dir::Cache::archives=$area/archives" -o "Dir::Cache::pkgcache=$area/pkgcache.bin" -o Dir::Cache::srcpkgcache= -o Acquire::Languages=none
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false
    -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o APT::Update::Post-Invoke= -o APT::Sandbox::User=root)
  [ -n "${updated:-}" ] || apt-get "${apt[@]}" -qq update
  updated=1
}

# newest PACKAGE:ARCH...: `ARCH PACKAGE VERSION SHA256` of each; ARCH is `all` where the package is for every architecture.
newest() {
  apt-cache "${apt[@]}" show --no-all-versions "$@" |
    awk '/^Package:/ { p = $2 } /^Architecture:/ { a = $2 } /^Version:/ { v = $2 } /^SHA256:/ { print a, p, v, $2 }' | sort -u
}

write_lock() {
  local names
  private_lists
  names=$(sed 's/#.*//; s/ .*//' tools/release/debian.txt)
  # shellcheck disable=SC2046,SC2086 # several names
  newest $(printf '%s:amd64 ' $names) $(printf '%s:arm64 ' $names) >"$home/debian.lock"
  cp "$home/debian.lock" "$locked"
}

# deb ARCH PACKAGE VERSION SHA256: into $home/debian/ARCH/PACKAGE.deb, and its line beside it.
deb() {
  local to=$home/debian/$1/$2 name=$2 got
  [ "$1" = all ] || name=$2:$1
  [ "$(cat "$to.is" 2>/dev/null)" = "$*" ] && return
  [ -z "$exact" ] && [ -s "$to.instead" ] && [ "$(cat "$to.instead")" = "$*" ] && return
  private_lists
  mkdir -p "$home/debian/$1" "$home/fetch"
  if (cd "$home/fetch" && apt-get "${apt[@]}" -qq download "$name=$3") 2>/dev/null; then
    rm -f "$to.instead"
  elif [ -n "$exact" ]; then
    say "the archive has $2 $3 ($1) no more: tools/release/inputs.sh --lock takes what it has now; commit debian.lock then"
    return 1
  else
    say "the archive has $2 $3 ($1) no more: taking its newest; images will not be those of this commit's release"
    echo "$*" >"$to.instead"
    # shellcheck disable=SC2046 # four words
    set -- $(newest "$name")
    (cd "$home/fetch" && apt-get "${apt[@]}" -qq download "$name=$3")
  fi
  got=$(sha256sum <"$home/fetch/"*.deb | cut -d' ' -f1)
  [ "$got" = "$4" ] || { say "$2 $3 ($1) is not what it was: $got"; return 1; }
  mv "$home/fetch/"*.deb "$to.deb"
  echo "$*" >"$to.is"
}

[ -z "$lock" ] || write_lock
npm_inputs
while read -r arch package version hash; do
  deb "$arch" "$package" "$version" "$hash"
done <"$locked"
