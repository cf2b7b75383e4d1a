#!/usr/bin/env bash
# The units in a booted systemd, with the programs of this build, on the CPU.
# What happens inside is systemd_inside.sh.
set -euo pipefail
: "${HP_BIN:?}" "${HP_SOURCE:?}" "${HP_MODEL:?}"
source "$(dirname "$0")/boot.sh"

finish() {
  local status=$?
  if ((status != 0 && status != 77)) && [[ -n "$boot_init" ]]; then
    inside journalctl --no-pager -o short-monotonic -n 60 \
      -u 'halfpipe-*' >&2 || true
  fi
  shut_down || true
}
trap finish EXIT

boot / --bind-ro="$HP_SOURCE" --bind-ro="$(realpath "$HP_BIN")" \
  --bind-ro="$(realpath "$HP_MODEL")"
inside HP_BIN="$(realpath "$HP_BIN")" HP_SOURCE="$HP_SOURCE" \
  bash "$HP_SOURCE/tests/e2e/systemd_inside.sh"
