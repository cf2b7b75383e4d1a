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
# /tmp or /var/tmp, which PrivateTmp= hides from a service, in a folder whose name
# has a blank, or below /root, which the services' user may not enter.
at=/opt/halfpipe-test
bind_ro() { printf -- '--bind-ro=%s:%s' "${1//:/\\:}" "${2//:/\\:}"; }
bin="$(realpath "$HP_BIN")" source="$(realpath "$HP_SOURCE")"
# libtorch was linked by its path in the clone: where its folders are in there.
libraries=""
while read -r folder; do
  [[ "$folder" != "$source"/* ]] ||
    libraries+="${libraries:+:}$at/source${folder#"$source"}"
done < <(ldd "$bin/halfpipe-stage0" |
  sed -n 's|^[^/]*=> \(/.*\)/[^/]* (0x.*|\1|p' | sort -u | xargs -d '\n' realpath |
  sort -u)
boot / "$(bind_ro "$source" "$source")" "$(bind_ro "$source" "$at/source")" \
  "$(bind_ro "$bin" "$at/bin")"
inside HP_BIN="$at/bin" HP_SOURCE="$at/source" HP_LIBRARIES="$libraries" \
  bash "$at/source/tests/e2e/systemd_inside.sh"
