#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# exercise.sh: the tutorial's "Secure a Web Application" on a kernel that takes LSM programs. tools/demo.sh calls it, as root,
# in mount and network namespaces of its own or in a guest. Exits 1 where a claim does not hold.
set -uo pipefail
cd "$(dirname "$0")/.."
width=${DEMO_WIDTH:-100}
bold='' dim='' red='' green='' yellow='' cyan='' plain=''
if [ -n "${DEMO_COLOUR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' cyan=$'\e[36m' plain=$'\e[0m'
fi
passed=0 failed=0 daemons=() home=/run/kubearmor-demo said=$home/said

# --- what is shown

step() { printf '\n%s\n' "$bold$cyan$1$plain"; }
note() { wrapped '  ' "$dim" <<<"$*"; }

# wrapped INDENT COLOUR: standard input, folded to the width; at most 12 lines of it. Without other programs: each costs a
# tenth of a second in a guest.
wrapped() {
  local line part count=0 room=$((width - ${#1} - 1))
  while [ $((count++)) -lt 12 ] && IFS= read -r line; do
    line=${line:0:1000}
    while [ ${#line} -gt "$room" ]; do
      part=${line:0:room}
      case ${part:1} in *' '*) part=${part% *} ;; esac
      printf '%s%s%s%s\n' "$1" "$2" "$part" "$plain"
      line=${line:${#part}}
      line=${line# }
    done
    printf '%s%s%s%s\n' "$1" "$2" "$line" "$plain"
  done
}

# indented COLOUR: the same, under the command that said it.
indented() { wrapped '    ' "$1"; }

# quietly COMMAND-LINE: runs it as it stands; what it said is in $said, its exit code in $code.
quietly() {
  code=0
  eval "$1" >"$said" 2>&1 || code=$?
}

# typed COMMAND-LINE: the same, shown as a user would type it, with what came back.
typed() {
  printf '  %s$ %s%s\n' "$bold" "$1" "$plain"
  quietly "$1"
  came_back
}

# came_back: what the last command said.
came_back() {
  indented "$dim" <"$said"
  [ "$code" = 0 ] || printf '    %s(exit code %s)%s\n' "$dim" "$code" "$plain"
}

# claim TEXT CONDITION...: one thing that the demo promises.
claim() {
  local text=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    printf '  %s✓%s %s\n' "$green" "$plain" "$text"
  else
    failed=$((failed + 1))
    printf '  %s✗ %s%s\n' "$red" "$text" "$plain"
  fi
}

worked() { [ "$code" = 0 ]; }
refused() { [ "$code" != 0 ] && grep -qi 'permission denied' "$said"; }
answered() { [ "$code" = 0 ] && grep -q "$1" "$said"; }
forbidden() { [ "$code" != 0 ] && grep -q 'ERROR 403' "$said"; }

# told FILE PATTERN: waits until karmor printed a line that matches and shows it.
told() {
  local line colour=$dim
  until_ok 20 grep -q -E "$2" "$1" || return 1
  line=$(grep -m 1 -E "$2" "$1")
  case $line in *' - Block - '*) colour=$red ;; *' - Audit - '*) colour=$yellow ;; esac
  indented "$colour" <<<"$line"
}

# --- what runs

# until_ok SECONDS COMMAND...
until_ok() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep .1
  done
}

# daemon NAME COMMAND...: in the background, its output in $home.
daemon() {
  local name=$1
  shift
  "$@" >"$home/$name.out" 2>"$home/$name.err" &
  daemons+=("$!")
}

# give_up TEXT NAME: nothing can be shown; what NAME said last.
give_up() {
  printf '  %s✗ %s%s\n' "$red" "$1" "$plain"
  tail -n 12 "$home/$2.err" | indented "$dim"
  exit 1
}

leave() {
  ctr task delete --force web >/dev/null 2>&1
  [ ${#daemons[@]} = 0 ] || kill "${daemons[@]}" 2>/dev/null
  wait
}
trap leave EXIT
trap 'exit 130' INT TERM

set_up() {
  # Fresh places for everything that is written; they go with this mount namespace.
  for folder in /run /var/lib/containerd /opt/kubearmor; do
    mkdir -p "$folder" && mount -t tmpfs -o mode=755 demo "$folder" || exit 1
  done
  mount -t bpf bpf /sys/fs/bpf || exit 1
  ip link set lo up
  mkdir -p "$home/outside"
  echo 'Hello from the outside world.' >"$home/outside/index.html"
  cat >"$home/containerd.toml" <<-EOF
	version = 2
	disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
	EOF
  daemon containerd containerd --config "$home/containerd.toml"
  daemon kubearmor ./kubearmor
  daemon outside busybox httpd -f -p 127.0.0.1:8000 -h "$home/outside"
  until_ok 120 ctr version || give_up 'containerd does not answer' containerd
  until_ok 120 grep -q 'is ready' "$home/kubearmor.out" || give_up 'KubeArmor did not start' kubearmor
  daemon policy ./karmor logs --logFilter=policy
  daemon system ./karmor logs --logFilter=system
  ctr image import "$DEMO_IMAGE" >"$home/import.err" 2>&1 || give_up 'the image cannot be imported' import
}

inside() { echo "ctr task exec --exec-id test web $1"; }
page='wget -q -O- http://127.0.0.1/'
hole='wget -nv -O- http://127.0.0.1/files../etc/shadow'

step 'Set up: containerd, KubeArmor and a web application'
[ -n "${DEMO_WHERE:-}" ] && note "in $DEMO_WHERE"
set_up
typed 'ctr run -d --net-host --label app=web-app localhost/web-app:demo web'
until_ok 60 eval "$page" || give_up 'nginx does not serve' containerd
typed './karmor probe | head -n 3'
claim 'KubeArmor enforces on this kernel' answered '^ENFORCING'
typed "$page"
claim 'nginx serves its page' answered Welcome
typed "$hole"
claim 'a hole in its configuration gives the password file to anybody' answered '^root:'

step 'Task 1: observe'
note 'Nothing is forbidden yet. In another terminal: ./karmor logs --logFilter=system'
until_ok 60 eval "$page >/dev/null; [ -s $home/system.out ]"
typed "$(inside 'ls /')"
claim 'the program that ran' told "$home/system.out" ' - Process /bin/ls'
typed "$(inside 'cat /etc/nginx/nginx.conf') | head -n 3"
claim 'the file that was read' told "$home/system.out" ' - File .*/etc/nginx/nginx.conf'
typed "$(inside 'wget -q -O- http://127.0.0.1:8000/')"
claim 'the connection that was made' told "$home/system.out" ' - Network .*127.0.0.1.*8000'
kill "${daemons[-1]}" && unset 'daemons[-1]'

step 'Task 2: an audit policy'
note 'demo/policies/web-app-audit.yaml refuses nothing; it tells of shells, of wget and of every access below /etc.'
typed './karmor vm policy add demo/policies/web-app-audit.yaml'
typed "$(inside 'sh -c "echo test"')"
claim 'a shell still runs' answered test
claim 'and is told of' told "$home/policy.out" ' - Audit - Process /bin/sh'
typed "$(inside 'wget -q -O- http://127.0.0.1:8000/')"
claim 'so does wget' answered Hello
claim 'and is told of' told "$home/policy.out" ' - Audit - Process /usr/bin/wget'
typed "$(inside 'cat /etc/passwd')"
claim 'the file is read' answered '^root:'
claim 'and that is told of' told "$home/policy.out" ' - Audit - File .*/etc/passwd'

step 'Task 3: a hardened policy'
note 'demo/policies/web-app-hardened.yaml lists what nginx needs. Everything else is refused.'
typed './karmor vm policy add demo/policies/web-app-hardened.yaml'
claim 'it is in force' worked

step 'Task 4: try it'
typed "$page"
claim 'nginx still serves its page' answered Welcome
typed "$(inside 'sh -c "echo test"')"
claim 'a shell is refused' refused
typed "$(inside 'wget -q -O- http://127.0.0.1:8000/')"
claim 'wget is refused' refused
typed "$(inside 'cat /etc/shadow')"
claim 'reading the password file is refused' refused
typed "$hole"
claim 'and so is nginx itself, through the hole' forbidden

step 'Task 5: what karmor logs shows'
note 'in the other terminal: ./karmor logs --logFilter=policy'
claim 'the shell, with the rule that refused it' told "$home/policy.out" '^MatchedPolicy - Block - Process /bin/sh.* - rule .*web-app-hardened'
claim 'wget' told "$home/policy.out" '^MatchedPolicy - Block - Process /usr/bin/wget.* - rule .*web-app-hardened'
claim 'cat' told "$home/policy.out" '^MatchedPolicy - Block - Process /bin/cat.* - rule .*web-app-hardened'
claim 'nginx and the password file: in no Allow rule, so the default posture' told "$home/policy.out" '^MatchedPolicy - Block - File /etc/shadow.* - rule DefaultPosture'

step 'Clean up'
typed './karmor vm policy delete demo/policies'
typed "$(inside 'sh -c "echo test"')"
claim 'without the policies a shell runs again' answered test
typed 'ctr task kill web'
until_ok 60 ctr task delete web
typed 'ctr container delete web'
claim 'the container is gone' worked

printf '\n%s' "$bold"
if [ "$failed" = 0 ]; then printf '%s' "$green"; else printf '%s' "$red"; fi
printf '%s of %s claims hold%s (%s seconds)\n' "$passed" $((passed + failed)) "$plain" "$SECONDS"
[ "$failed" = 0 ]
