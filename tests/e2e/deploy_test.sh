#!/usr/bin/env bash
# The files of deploy/: accepted by the tools they are for, and every flag in
# them by the real programs. A tool that is not installed is named and skipped.
source "$(dirname "$0")/lib.sh"

deploy="$HP_SOURCE/deploy"

# The units in a root of their own, where the programs seem to be installed.
root="$scratch/root"
mkdir -p "$root/etc/systemd/system" "$root/usr/lib/systemd" "$root/usr/bin" "$root/bin"
cp "$deploy"/systemd/*.service "$root/etc/systemd/system/"
for program in usr/bin/halfpipe-coordinator usr/bin/halfpipe-stage0 \
  usr/bin/halfpipe-stage1 bin/sh; do
  printf '#!/bin/sh\n' >"$root/$program"
  chmod +x "$root/$program"
done
if command -v systemd-analyze >/dev/null; then
  cp -r /usr/lib/systemd/system "$root/usr/lib/systemd/"
  for unit in halfpipe-coordinator halfpipe-stage@0 halfpipe-stage@1; do
    systemd-analyze verify --man=no --recursive-errors=no --root="$root" \
      "$unit.service" || fail "$unit.service"
  done
  # Ten times the exposure: what systemd calls OK ends at 5.
  systemd-analyze security --offline=true --no-pager --threshold=20 \
    "$deploy/systemd/halfpipe-coordinator.service" >"$scratch/rating.log" ||
    fail "the coordinator is too exposed: $(tail -1 "$scratch/rating.log")"
  systemd-analyze security --offline=true --no-pager --threshold=25 \
    "$deploy/systemd/halfpipe-stage@.service" >"$scratch/rating.log" ||
    fail "the stages are too exposed: $(tail -1 "$scratch/rating.log")"
else
  echo "skipped: systemd-analyze is not installed"
fi

if command -v promtool >/dev/null; then
  promtool check config "$deploy/prometheus/prometheus.yml"
else
  echo "skipped: promtool is not installed"
fi

if docker-compose version >/dev/null 2>&1; then
  for file in "$deploy"/docker/compose*.yaml; do
    docker-compose -f "$file" config -q || fail "$file"
  done
else
  echo "skipped: docker-compose is not there"
fi

# check_flags FILE: each halfpipe-PROGRAM --flag in it is one of the program's.
check_flags() {
  local text program flag rank
  # One command a line: join what continues.
  text="$(sed -e ':a; /\\$/{N; s/\\\n//; ba}' "$1" | tr '\n' '\t' |
    sed -e 's/\t *--/ --/g' | tr '\t' '\n')"
  while read -r program flag; do
    for rank in 0 1; do
      grep -qe "$flag" < <("$HP_BIN/${program/\%i/$rank}" --help 2>&1) ||
        fail "$1: ${program/\%i/$rank} has no option $flag"
    done
  done < <(grep -E 'halfpipe-(coordinator|stage)' <<<"$text" |
    awk '{program = ""
          for (i = 1; i <= NF; i++) {
            if (match($i, /halfpipe-(coordinator|stage(%i|[01]))$/))
              program = substr($i, RSTART)
            else if (program != "" && $i ~ /^--/) print program, $i
          }}' | sort -u)
}
for file in "$deploy"/systemd/*.service "$deploy"/docker/*.yaml; do
  check_flags "$file"
done

# The settings files are ones the coordinator reads.
sed -e "s|^state_dir: .*|state_dir: $scratch/state|" \
  -e 's|^listen_address: .*|listen_address: 127.0.0.1:0|' \
  -e 's|^metrics_address: .*|metrics_address: 127.0.0.1:0|' \
  "$deploy/systemd/service.yaml" >"$scratch/service.yaml"
coordinator --config "$scratch/service.yaml"
