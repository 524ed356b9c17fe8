#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# check-deb.sh DEB: installs, uses, removes and purges the package on a copy of this machine's root that nobody else sees: a mount
# name space with an overlay, gone afterwards. With dpkg, with `karmor install --nonk8s` and by hand. Needs root, and `make build` before.
# Ends with `N passed, N failed`.
set -uo pipefail
tree=$(cd "$(dirname "$0")/../.." && pwd)
deb=$(realpath "${1:?check-deb: which package?}")
[ "$(id -u)" = 0 ] || { echo 'check-deb: needs root' >&2; exit 2; }
[ -n "${CHECK_DEB_INSIDE:-}" ] || exec env CHECK_DEB_INSIDE=1 unshare --mount --propagation private "$0" "$deb"
passed=0 failed=0
work=$(mktemp -d)
mount -t tmpfs -o size=1g check-deb "$work"
trap 'umount -l "$work"; rmdir "$work"' EXIT
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" overlay "$work/root" || exit 2
mount --rbind /proc "$work/root/proc"
mount --rbind /dev "$work/root/dev"
mkdir "$work/root/check-deb"
cp "$deb" "$work/root/check-deb/kubearmor.deb"
inside() { chroot "$work/root" env PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }

# check WHAT COMMAND...: passes where the command succeeds.
check() {
  local what=$1 said
  shift
  if said=$("$@" 2>&1); then passed=$((passed + 1)); echo "ok      $what"
  else failed=$((failed + 1)); printf 'FAILED  %s\n%s\n' "$what" "$said"; fi
}
says() { local want=$1; shift; inside "$@" >"$work/said" 2>&1; grep -qE "$want" "$work/said" || { cat "$work/said"; return 1; }; }
mode_of() { [ "$(inside stat -c %a "$2")" = "$1" ]; }

# left: what differs from before, without dpkg's own books.
left() {
  (cd "$work/upper" && find . -mindepth 1 ! -type d | grep -vE '^\./(var/lib/dpkg/|var/lib/apt/|var/log/|var/cache/|var/lib/systemd/deb-systemd-helper|run/systemd/|check-deb/)')
  (cd "$work/upper" && find ./opt ./run ./var/lib/kubearmor -name '*kubearmor*' 2>/dev/null)
}
nothing_left() { local found; found=$(left); [ -z "$found" ] || { echo "$found"; return 1; }; }

check 'installs' inside dpkg -i /check-deb/kubearmor.deb
check 'the agent runs' says '^kubearmor [0-9].*\(commit [0-9a-f]{12}\)$' kubearmor -version
check 'karmor runs' says '^karmor [0-9].*\(commit [0-9a-f]{12}\)$' karmor version --client
check 'its settings are taken' says 'nothing is in force' sh -c 'cd /opt/kubearmor && ./kubearmor -remove'
check 'its files are whole' inside dpkg --verify kubearmor
check 'the unit is enabled' inside test -L /etc/systemd/system/multi-user.target.wants/kubearmor.service
if inside sh -c 'command -v systemd-analyze' >/dev/null; then
  check 'systemd finds no fault with the unit' inside sh -c '! systemd-analyze verify /usr/lib/systemd/system/kubearmor.service 2>&1 | grep kubearmor'
fi
check 'policies are for root alone' mode_of 700 /opt/kubearmor/policies
echo 'cluster: mine' >>"$work/root/opt/kubearmor/kubearmor.yaml"
sed -i '/^cluster: default$/d' "$work/root/opt/kubearmor/kubearmor.yaml"
echo policy >"$work/root/opt/kubearmor/policies/x.yaml"
check 'installs over itself' inside dpkg -i --force-confdef --force-confold /check-deb/kubearmor.deb
check 'an update keeps settings and policies' inside sh -c 'grep -q "^cluster: mine$" /opt/kubearmor/kubearmor.yaml && test -e /opt/kubearmor/policies/x.yaml'
check 'an administrator may disable it' inside systemctl disable kubearmor.service
check 'installs over itself when disabled' inside dpkg -i --force-confdef --force-confold /check-deb/kubearmor.deb
check 'an update leaves it disabled' inside test ! -e /etc/systemd/system/multi-user.target.wants/kubearmor.service
check 'is removed' inside dpkg -r kubearmor
check 'removing keeps settings and policies, and no program' inside sh -c 'test -e /opt/kubearmor/kubearmor.yaml -a -e /opt/kubearmor/policies/x.yaml -a ! -e /opt/kubearmor/lib -a ! -e /usr/bin/karmor'
check 'installs again' inside dpkg -i --force-confdef --force-confold /check-deb/kubearmor.deb
# What cannot be ended must not be left without the program that ends it.
echo 'bpfFsPath: relative' >>"$work/root/opt/kubearmor/kubearmor.yaml"
check 'is not removed where enforcement cannot be ended' says 'enforcement could not be ended, so the package stays' dpkg -r kubearmor
check 'and is whole then' says '^kubearmor [0-9]' kubearmor -version
sed -i '/^bpfFsPath/d' "$work/root/opt/kubearmor/kubearmor.yaml"
check 'is purged' inside dpkg -P kubearmor
check 'purging leaves nothing' nothing_left

# As somebody without the package does it: a folder of releases, and the karmor of this tree; once it is there with its own.
version=$(basename "$deb" | sed -nE 's/^kubearmor_(.*)_linux-.*\.deb$/\1/p')
release=/check-deb/releases/v$version
mkdir -p "$work/root$release"
mv "$work/root/check-deb/kubearmor.deb" "$work/root$release/$(basename "$deb")"
(cd "$work/root$release" && sha256sum -- *.deb >SHA256SUMS)
echo "v$version" >"$work/root/check-deb/releases/latest"
[ -e "$work/root$tree/karmor" ] || { mkdir -p "$work/root$tree" && mount --rbind "$tree" "$work/root$tree"; }
karmor() { inside NODE_COMPILE_CACHE= "$tree/karmor" "$@"; }
refuses() { local want=$1; shift; ! karmor "$@" >"$work/said" 2>&1 && grep -qE "$want" "$work/said" || { cat "$work/said"; return 1; }; }
tells() { local want=$1; shift; karmor "$@" >"$work/said" 2>&1 && grep -qE "$want" "$work/said" || { cat "$work/said"; return 1; }; }
package() { [ "$(inside dpkg-query -W -f '${db:Status-Status}' kubearmor 2>/dev/null)" = "$1" ]; }
unpacked() { inside sh -c 'ar p "$1" data.tar.zst | zstd -d | tar -x --no-same-owner -C / && kubearmor -version && karmor version --client' sh "$release/$(basename "$deb")"; }
forget_unpacked() { inside sh -c 'rm -r /opt/kubearmor /usr/bin/karmor /usr/bin/kubearmor /usr/lib/systemd/system/kubearmor.service /usr/share/doc/kubearmor'; }
from=(--nonk8s --from /check-deb/releases)

check 'unpacked by hand its programs run' unpacked
check 'and are gone again' forget_unpacked
check 'karmor install --nonk8s --dry-run shows the package' tells '^\+ package kubearmor: [0-9].*; none is installed now$' install "${from[@]}" --dry-run
check 'and installs nothing' nothing_left
check 'karmor install --nonk8s refuses another file than the release has' refuses 'is not what its release says' install --nonk8s --from "$release/$(basename "$deb")" --sha256 "$(printf '0%.0s' {1..64})"
check 'karmor install --nonk8s installs it, with postures' tells '^kubearmor [0-9].* is installed in /opt/kubearmor$' install "${from[@]}" --block=file
check 'its settings are taken too' says 'nothing is in force' sh -c 'grep -q "^defaultFilePosture: block$" /opt/kubearmor/kubearmor.yaml && cd /opt/kubearmor && ./kubearmor -remove'
check 'a second time it changes nothing' tells '^nothing to change: kubearmor [0-9].* is installed already$' install "${from[@]}" --block=file
check 'karmor upgrade --nonk8s finds nothing to change either' tells '^nothing to change' upgrade "${from[@]}"
check '--wait does not wait where systemd does not run' refuses 'systemd does not run here, so nothing starts the agent' install "${from[@]}" --wait
echo '{kind: KubeArmorHostPolicy, metadata: {name: x}}' >"$work/root/opt/kubearmor/policies/x.yaml"
echo 'bpfFsPath: relative' >>"$work/root/opt/kubearmor/kubearmor.yaml"
check 'karmor uninstall --nonk8s removes nothing where enforcement cannot be ended, and says why' refuses 'enforcement could not be ended, so the package stays' uninstall --nonk8s
check 'and the package is whole' package installed
sed -i '/^bpfFsPath/d' "$work/root/opt/kubearmor/kubearmor.yaml"
check 'karmor uninstall --nonk8s removes it, though it is of the package itself' says '^removed from this machine; .* stay' karmor uninstall --nonk8s
check 'settings and policies stay, and no program' inside sh -c 'test -e /opt/kubearmor/kubearmor.yaml -a -e /opt/kubearmor/policies/x.yaml -a ! -e /opt/kubearmor/lib -a ! -e /usr/bin/karmor'
check 'a second time it says that nothing is installed' tells '^the package kubearmor is not installed on this machine; .*are there' uninstall --nonk8s
check 'karmor install --nonk8s takes settings that were left' tells '^~ defaultFilePosture .*: block → audit$' install "${from[@]}" --audit=all
check 'karmor uninstall --nonk8s --force purges it' tells '^the policies of 1 files are in /check-deb/policies.yaml$' uninstall --nonk8s --force --backup /check-deb/policies.yaml
check 'the policies are in the copy' grep -q 'name: x' "$work/root/check-deb/policies.yaml"
check 'and nothing is left' nothing_left

# KubeArmor's own, as its installer unpacks it.
mkdir -p "$work/root/opt/kubearmor"
cp /bin/true "$work/root/opt/kubearmor/kubearmor"
echo '[Service]' >"$work/root/usr/lib/systemd/system/kubearmor.service"
echo 'cluster: theirs' >"$work/root/opt/kubearmor/kubearmor.yaml"
check 'KubeArmor’s own is named and not overwritten' refuses 'KubeArmor’s own is on this machine \(/opt/kubearmor/kubearmor, /usr/lib/systemd/system/kubearmor.service\): .*--take-over' install "${from[@]}"
check 'nor removed' refuses 'KubeArmor’s own is on this machine' uninstall --nonk8s --force
check 'with --take-over it is replaced, and its settings stay' tells 'is installed in /opt/kubearmor$' install "${from[@]}" --take-over
check 'the agent is ours then' says 'nothing is in force' sh -c 'grep -q "^cluster: theirs$" /opt/kubearmor/kubearmor.yaml && cd /opt/kubearmor && ./kubearmor -remove'
check 'it is purged too' tells '^removed from this machine$' uninstall --nonk8s --force
check 'and nothing is left then' nothing_left
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
