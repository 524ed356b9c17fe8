#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# check-deb.sh DEB: installs, uses, removes and purges the package on a copy of this machine's root that nobody else sees: a mount
# name space with an overlay, gone afterwards. Needs root. Ends with `N passed, N failed`.
set -uo pipefail
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
  (cd "$work/upper" && find . -mindepth 1 ! -type d | grep -vE '^\./(var/lib/dpkg/|var/log/|var/cache/|var/lib/systemd/deb-systemd-helper|run/systemd/|check-deb/)')
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
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
