# shellcheck shell=bash disable=SC2034
# Sourced by the scripts beside it: where the repository is, how to speak, and
# how many compilers the machine's memory carries.
set -euo pipefail

HP_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
HP_DEPS="$HP_ROOT/.deps"
HP_PYTHON="$HP_DEPS/venv/bin/python"

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# usage: prints the comment block at the head of the calling script.
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }

# build_jobs: one compiler a core, but 2 GiB of available memory for each.
build_jobs() {
  local cores gib
  cores="$(nproc)"
  gib="$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo 2>/dev/null)" ||
    gib=2 # no /proc
  local by_memory=$((gib / 2))
  ((by_memory >= 1)) || by_memory=1
  echo $((cores < by_memory ? cores : by_memory))
}
