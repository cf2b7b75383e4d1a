#!/usr/bin/env bash
# The units in a booted systemd, with the programs of this build, on the CPU.
# What happens inside is systemd_inside.sh.
set -euo pipefail
: "${HP_BIN:?}" "${HP_SOURCE:?}"
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

# As an installation is, in a place that every unit sees: a clone may lie below
# /tmp or /var/tmp, which PrivateTmp= hides from a service, or in a folder whose
# name has a blank. libtorch is found by the path that was linked.
at=/opt/halfpipe-test
bind_ro() { printf -- '--bind-ro=%s:%s' "${1//:/\\:}" "${2//:/\\:}"; }
bin="$(realpath "$HP_BIN")" source="$(realpath "$HP_SOURCE")"
boot / "$(bind_ro "$source" "$source")" "$(bind_ro "$source" "$at/source")" \
  "$(bind_ro "$bin" "$at/bin")"
inside HP_BIN="$at/bin" HP_SOURCE="$at/source" \
  bash "$at/source/tests/e2e/systemd_inside.sh"
