#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# check.sh: makes the release of HEAD twice, here and in a clone elsewhere, compares every byte, and uses what came out: the deb, the
# npm package, the tarball through install.sh, the images. Needs root, and `make build` before. Ends with `N passed, N failed, N skipped`.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
[ "$(id -u)" = 0 ] || { echo 'check: needs root' >&2; exit 2; }
case $(uname -m) in x86_64) arch=amd64 ;; *) arch=arm64 ;; esac
passed=0 failed=0 skipped=0
work=$(mktemp -d)
server=''
commit=$(git rev-parse HEAD)
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null
  rm -rf "$work"
}
trap finish EXIT

check() {
  local what=$1 said
  shift
  if said=$("$@" 2>&1); then passed=$((passed + 1)); echo "ok      $what"
  else failed=$((failed + 1)); printf 'FAILED  %s\n%s\n' "$what" "$said"; fi
}

# clone NAME: HEAD in a folder of that name, with this tree's set-up.
clone() {
  git clone -q "$root" "$work/$1" && git -C "$work/$1" checkout -q "$commit" || return 1
  ln -s "$root/node_modules" "$work/$1/node_modules"
  mkdir -p "$work/$1/.cache/release"
  ln -s "$root/.cache/node-$(cat tools/node-version)" "$work/$1/.cache/"
  ln -s "$root/.cache/release/inputs" "$work/$1/.cache/release/inputs"
  echo '/node_modules' >>"$work/$1/.git/info/exclude"
}

# make_release NAME: in that clone, whoever and wherever the builder is.
make_release() {
  clone "$1" && cd "$work/$1" && make -s -C bpf && make -s -C native && tools/node tools/release/main.ts --out "$work/out-$1"
}

same() { cmp "$work/out-one/SHA256SUMS" "$work/out-another-place/SHA256SUMS" && (cd "$work/out-another-place" && sha256sum --quiet -c SHA256SUMS); }
no_path() { [ -s "$work/out-one/SHA256SUMS" ] && ! (cd "$work/out-one" && zstdcat -f -- *.tgz *.tar.gz SHA256SUMS install.sh ./*.cdx.json | tr -c '[:print:]' '\n' | grep -F -m 1 -e "$work" -e "$root"); }
with_materials() { (cd "$work/out-one" && for file in *.tgz *.gz *.deb *.tar install.sh; do node -e 'JSON.parse(require("fs").readFileSync(process.argv[1]))' "$file.cdx.json" || exit 1; done); }

npm_package() {
  npm install --global --offline --silent --prefix "$work/npm" "$work"/out-one/kubearmor-karmor-*.tgz && "$work/npm/bin/karmor" policy check "$root/demo/policies" && "$work/npm/bin/karmor" version --client | grep -F "$version "
}

# The release as it would be served: a folder for the tag, and which is the latest.
serve() {
  mkdir -p "$work/site"
  ln -s "$work/out-one" "$work/site/v$version"
  echo "v$version" >"$work/site/latest"
  tools/node -e '
    const { createServer } = require("node:http"), { createReadStream, writeFileSync } = require("node:fs");
    const server = createServer(({ url }, answer) =>
      createReadStream(process.argv[1] + url).on("error", () => answer.writeHead(404).end()).pipe(answer));
    server.listen(0, "127.0.0.1", () => writeFileSync(process.argv[1] + "/port", String(server.address().port)));' "$work/site" >/dev/null 2>&1 &
  server=$!
  for _ in $(seq 300); do [ ! -s "$work/site/port" ] || return; sleep 0.1; done
}
installer() {
  sh "$work/out-one/install.sh" -u "http://127.0.0.1:$(cat "$work/site/port")" -b "$work/usr/bin" && "$work/usr/bin/karmor" version --client | grep -F "$version "
}

# canary_for ARCH MACHINE: deb and image have one canary, for that processor (e_machine of elf.h).
canary_for() {
  local of_image=$work/image-$1/root/opt/kubearmor/lib/canary
  unpack_image "$1" && dpkg-deb --fsys-tarfile "$work"/out-one/kubearmor_*_linux-"$1".deb | tar -xO ./opt/kubearmor/lib/canary | cmp - "$of_image" &&
    [ "$(od -An -tu2 -j18 -N2 "$of_image")" -eq "$2" ]
}
canaries() { canary_for amd64 62 && canary_for arm64 183; }

# unpack_image ARCH: the layers of each image over each other.
unpack_image() {
  mkdir -p "$work/image-$1/oci" "$work/image-$1/root" && tar -xf "$work"/out-one/kubearmor-images_*_linux_"$1".tar -C "$work/image-$1/oci" || return 1
  node -e 'for (const { Layers } of JSON.parse(require("fs").readFileSync(process.argv[1]))) for (const layer of Layers) console.log(layer);' "$work/image-$1/oci/manifest.json" |
    while read -r layer; do tar -xzf "$work/image-$1/oci/$layer" -C "$work/image-$1/root" || exit 1; done
}
image_runs() {
  chroot "$work/image-$arch/root" /opt/kubearmor/kubearmor -version | grep -F "$version " && chroot "$work/image-$arch/root" /usr/bin/karmor version --client | grep -F "$version "
}
# By the runtime itself, where it is at home here: the agent needs more than this, but its version and settings do not.
image_starts() {
  cd "$work/image-$arch" && runc spec && node -e '
    const { readFileSync, writeFileSync } = require("node:fs"), spec = JSON.parse(readFileSync("config.json"));
    Object.assign(spec.process, { terminal: false, args: ["/opt/kubearmor/kubearmor", "-version"] });
    Object.assign(spec.root, { path: "root" });
    writeFileSync("config.json", JSON.stringify(spec));' && runc --root "$work/runc" run "check-$$" | grep -F "$version "
}

tools/release/inputs.sh --exact || exit 1
export PATH="$root/.cache/node-$(cat tools/node-version)/bin:$PATH"
check 'a release is made' make_release one
version=$(sed -n 's/^.* kubearmor-karmor-\(.*\)\.tgz$/\1/p' "$work/out-one/SHA256SUMS")
elsewhere() { umask 077; export TZ=Asia/Tokyo LC_ALL=C.UTF-8; make_release another-place; }
check 'one is made in another folder, by another umask, in another time zone and language' elsewhere
check 'both are the same, byte for byte' same
check 'no artefact names the folder it was made in' no_path
check 'each has its bill of materials' with_materials
check 'the npm package installs offline and runs' npm_package
serve
check 'install.sh installs it' installer
check 'the images unpack, and agents of both architectures have their canary' canaries
check 'their programs run' image_runs
if [ -e /sys/fs/cgroup/cgroup.controllers ] || [ -e /sys/fs/cgroup/devices ]; then check 'a container of the agent starts' image_starts; else skipped=$((skipped + 1)); fi
deb=$(tools/release/check-deb.sh "$work"/out-one/kubearmor_*_linux-$arch.deb)
echo "$deb" | sed '$d'
read -r ok bad < <(echo "$deb" | tail -1 | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p')
passed=$((passed + ${ok:-0})) failed=$((failed + ${bad:-1}))
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
