#!/usr/bin/env bash
# Usage: wheel_roots_test.sh debian | ubuntu
#
# A wheel of this build in a clean root of Debian 12 or Ubuntu 24.04: installed
# by pip, the demo within three minutes, taken away again. torch is that of
# scripts/setup, seen through a mount, as if pip had fetched it.
#
#   HP_WHEEL         a wheel to try instead of making one
#   HP_DEMO_SECONDS  that a busy machine may take instead of 180
set -euo pipefail
: "${HP_BIN:?}" "${HP_SOURCE:?}"

skip() {
  echo "SKIPPED: $*"
  exit 77
}

PATH="$PATH:/usr/sbin:/sbin"
((EUID == 0)) || skip "changing the root folder needs root"
site="$(echo "$HP_SOURCE"/.deps/venv/lib/python3.*/site-packages)"
[[ -e "$site/torch/lib/libtorch_cpu.so" ]] ||
  skip "no libtorch in $HP_SOURCE/.deps; run scripts/setup"
source "$(dirname "$0")/debian_base.sh"

# On the build folder's file system, with the programs: not in memory.
work="$(mktemp -d "$(realpath "$HP_BIN/..")/wheel-test-XXXXXX")"
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

say() { printf '%4d s: %s\n' "$SECONDS" "$*"; }

# Where the machine has a CUDA toolkit, scripts/setup has left wheels out.
mkdir -p "$work/toolkit"
ldd "$HP_BIN/halfpipe-stage0" |
  sed -n 's/^[[:space:]]*\(libcu[^ ]*\|libnv[^ ]*\) => \([^ ]*\).*/\2/p' |
  grep -v /site-packages/ | xargs -r cp -Lt "$work/toolkit"

# in_root COMMAND...: in $root, with this machine's network, with torch.
in_root() {
  unshare --mount --pid --fork --kill-child bash -c '
    mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"
    mount --bind "$2" "$1/opt/site"; mount --bind "$3" "$1/opt/toolkit"
    cd /; root="$1"; shift 3
    exec chroot "$root" env -i PATH=/root/venv/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
      LD_LIBRARY_PATH=/opt/toolkit "$@"' \
    bash "$root" "$site" "$work/toolkit" "$@"
}

files() { (cd "$root" && find root opt usr -name __pycache__ -prune -o -print | sort); }

# try_in NAME BASE: all of it in a root from that archive.
try_in() {
  local name="$1" started left
  root="$work/$name"
  mkdir "$root"
  tar -C "$root" -xf "$2"
  mkdir -p "$root/opt/site" "$root/opt/toolkit" "$root/dev"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  cp "$wheel" "$root/root/"
  { in_root apt-get -qq update && in_root apt-get -qq -y \
    --no-install-recommends install python3-venv; } >"$work/apt.log" 2>&1 ||
    skip "$name: no package index: $(tail -n 2 "$work/apt.log")"
  in_root python3 -m venv /root/venv || fail "$name: no environment"
  echo /opt/site >"$(echo "$root"/root/venv/lib/python3.*/site-packages)/site.pth"
  in_root python -c pass
  files >"$work/before"
  say "$name is ready"

  started=$SECONDS
  in_root pip -q install --no-deps --no-index "/root/$(basename "$wheel")" ||
    fail "$name: pip"
  in_root sh -c 'cd /root && halfpipe demo --record halfpipe-demo/record' \
    >"$work/demo.log" 2>&1 || fail "$name: $(tail -n 20 "$work/demo.log")"
  say "$name: from the wheel to the LoRA in $((SECONDS - started)) s"
  ((SECONDS - started <= ${HP_DEMO_SECONDS:-180})) ||
    fail "$name: that is more than ${HP_DEMO_SECONDS:-180} s"
  python3 "$HP_SOURCE/scripts/check_demo.py" "$root/root/halfpipe-demo" ||
    fail "$name: it learns nothing"

  in_root pip -q uninstall -y halfpipe-trainer || fail "$name: pip uninstall"
  rm -rf "$root/root/halfpipe-demo" "$root/root/.cache" "$root/root/.halfpipe"
  files >"$work/after"
  left="$(comm -13 "$work/before" "$work/after" |
    while read -r path; do [[ -d "$root/$path" ]] || echo "$path"; done)"
  [[ -z "$left" ]] || fail "$name: left behind: $left"
  say "$name: uninstalled, nothing is left"
  rm -rf "$root"
}

wheel="${HP_WHEEL:-}"
if [[ -z "$wheel" ]]; then
  wheel="$("$HP_SOURCE/scripts/wheel" --build "$(dirname "$HP_BIN")" \
    --out "$work/out" 2>"$work/wheel.log")" ||
    fail "scripts/wheel: $(tail -n 5 "$work/wheel.log")"
fi
case "${1:-}" in
  debian) debian_base && try_in debian "$debian_base" ;;
  ubuntu) ubuntu_base && try_in ubuntu "$ubuntu_base" ;;
  *) fail "say debian or ubuntu" ;;
esac
