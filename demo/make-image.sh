#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make-image.sh: makes the demo's container image from programs of this machine (nginx, dash, bash, cat, ls, wget, curl) with
# their libraries, in the form that `ctr image import` takes, and prints its path. Kept in .cache/demo until something
# that it is made of changes.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
demo=$root/demo
# PROGRAM:WHERE IT LIES IN THE CONTAINER
programs='/usr/sbin/nginx:/usr/sbin/nginx /usr/bin/wget:/usr/bin/wget /usr/bin/curl:/usr/bin/curl /bin/dash:/bin/sh /bin/bash:/bin/bash /bin/cat:/bin/cat /bin/ls:/bin/ls'

files=
for pair in $programs; do
  [ -x "${pair%:*}" ] || { echo "demo: ${pair%:*} is missing; install it with apt" >&2; exit 1; }
  files="$files ${pair%:*}"
done
# shellcheck disable=SC2086 # several names
libraries=$(ldd $files | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^\// && $i !~ /:$/) print $i }' | sort -u)
# shellcheck disable=SC2086
key=$(cat "$0" "$demo"/web-app/* $files $libraries | sha256sum | cut -c1-16)
image=$root/.cache/demo/web-app-$key.tar
if [ -s "$image" ]; then
  echo "$image"
  exit 0
fi

mkdir -p "$root/.cache/demo"
rm -f "$root"/.cache/demo/web-app-*.tar
work=$(mktemp -d "$root/.cache/demo/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
tree=$work/tree
for folder in dev proc sys run tmp srv root etc/nginx var/log/nginx var/cache/nginx usr/share/nginx/html; do mkdir -p "$tree/$folder"; done
for pair in $programs; do install -D -m 755 "${pair%:*}" "$tree${pair#*:}"; done
for library in $libraries; do install -D -m 755 "$library" "$tree$library"; done
install -m 644 "$demo/web-app/nginx.conf" "$tree/etc/nginx/"
install -m 644 "$demo/web-app/index.html" "$tree/usr/share/nginx/html/"
echo 'root:x:0:0:root:/root:/bin/sh' >"$tree/etc/passwd"
echo 'root:x:0:' >"$tree/etc/group"
echo 'root:$y$j9T$not-a-real-hash:20000:0:99999:7:::' >"$tree/etc/shadow"
chmod 600 "$tree/etc/shadow"

pack() { tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$@"; }
pack "$work/layer.tar" -C "$tree" .
layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
case $(uname -m) in x86_64) arch=amd64 ;; aarch64) arch=arm64 ;; *) arch=$(uname -m) ;; esac
cat >"$work/config.json" <<EOF
{"architecture":"$arch","os":"linux",
 "config":{"Env":["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["/usr/sbin/nginx","-g","daemon off;"],"WorkingDir":"/"},
 "rootfs":{"type":"layers","diff_ids":["sha256:$layer"]}}
EOF
echo '[{"Config":"config.json","RepoTags":["localhost/web-app:demo"],"Layers":["layer.tar"]}]' >"$work/manifest.json"
pack "$image.tmp" -C "$work" manifest.json config.json layer.tar
mv "$image.tmp" "$image"
echo "$image"
