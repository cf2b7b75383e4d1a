#!/usr/bin/env bash
# Usage: ports_test.sh [tls]
#
# Strangers at every port of a service that trains with few descriptors: the job
# ends in the undisturbed LoRA, health is answered all the time, and no process
# grows. On loopback, where nobody is asked who he is; tls: over TLS with tokens.
source "$(dirname "$0")/lib.sh"

few=512          # descriptors of each process, hard limit
hostile=600      # connections at once; the client needs as many descriptors
most_kib=$((64 * 1024)) # by which a process may be larger for them

security=() # of the programs that serve
strange=()  # of the hostile client
keys="$scratch/keys"
secure() { # certificates, tokens, and settings that name them
  local pair
  self_signed "$keys"
  for pair in submit:sam stage:gpu read:rita; do
    "$HP_BIN/halfpipe-coordinator" token add --tokens "$scratch/tokens" \
      --role "${pair%:*}" --name "${pair#*:}" >"$keys/${pair#*:}" 2>/dev/null
  done
  chmod 600 "$keys"/* "$scratch/tokens"
  export HALFPIPE_CA="$keys/server.crt" HALFPIPE_TOKEN_FILE="$keys/sam"
  security=(--cert "$keys/server.crt" --key "$keys/server.key"
    --tokens "$scratch/tokens")
  strange=(--tls --token "$(cat "$keys/rita")")
  cat >"$scratch/service.yaml" <<YAML
listen_address: localhost:0
metrics_address: 0.0.0.0:0
state_dir: $scratch/state
tokens: $scratch/tokens
tls: {certificate: $keys/server.crt, key: $keys/server.key}
roots: {data: [$scratch], models: [$scratch], outputs: [$scratch]}
YAML
}
[[ "${1:-}" != tls ]] || secure

job reference steps=60 micro_batches=2 save_every=4 >/dev/null
job flooded steps=60 micro_batches=2 save_every=4 >/dev/null

# value_of NAME FILE: of " NAME=VALUE" in the first line that has it.
value_of() { sed -n "s/.* $1=\([^ ]*\).*/\1/p" "$2" | head -1; }
peak_kib() { sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"; }

# The clients keep what they have; only the service's programs have few.
mkdir "$scratch/bin"
for program in halfpipe-coordinator halfpipe-stage0 halfpipe-stage1; do
  printf '#!/bin/sh\nulimit -n %d\nexec "%s" "$@"\n' \
    $few "$HP_BIN/$program" >"$scratch/bin/$program"
  chmod +x "$scratch/bin/$program"
done
if ((${#security[@]})); then
  HP_BIN="$scratch/bin" coordinator --config "$scratch/service.yaml"
  # Beyond loopback, where HTTP is HTTPS and asks for tokens.
  HALFPIPE_TOKEN_FILE="$keys/gpu" HP_BIN="$scratch/bin" \
    stages 0.0.0.0:0 "${security[@]}"
else
  HP_BIN="$scratch/bin" service
  HP_BIN="$scratch/bin" stages
fi
# port_of FILE: of the line that says where metrics are, as a client reaches it.
port_of() { value_of metrics "$1" | sed 's/^0\.0\.0\.0/127.0.0.1/'; }
processes=("${children[@]: -3}")
for rank in 0 1; do
  wait_for 60 grep -q 'msg="stage ready"' "$scratch/stage$rank.log"
done

hp submit "$scratch/reference.yaml" --id reference >/dev/null ||
  fail "the undisturbed job: exit code $?"
quiet=()
for pid in "${processes[@]}"; do quiet+=("$(peak_kib "$pid")"); done

"$(dirname "$0")/hostile_connections.py" --count $hostile --seconds 240 \
  --until "$scratch/done" "${strange[@]}" --grpc "$HALFPIPE_ADDRESS" \
  --http "$(port_of "$scratch/coordinator.out")" \
  --http "$(port_of "$scratch/stage0.log")" \
  --http "$(port_of "$scratch/stage1.log")" >"$scratch/hostile.json" &
hostile_pid=$!
children+=("$hostile_pid")
code=0
hp submit "$scratch/flooded.yaml" --id flooded >"$scratch/flooded.out" 2>&1 || code=$?
# A watch may have been among those that gave way; the job may not.
hp watch flooded >>"$scratch/flooded.out" 2>&1 ||
  fail "the flooded job: $code, $(tail -5 "$scratch/flooded.out")"
touch "$scratch/done"
wait $hostile_pid || fail "the hostile client"
cat "$scratch/hostile.json"
same_lora reference flooded
python3 - "$scratch/hostile.json" <<'END' || fail "health: $(cat "$scratch/hostile.json")"
import json, sys
found = json.load(open(sys.argv[1]))
assert sum(found["connections"].values()) >= 600, found
for health in found["health"]:
    assert health["asked"] > 0 and health["failed"] == 0, health
    assert health["longest_seconds"] < 1, health
END
for i in "${!processes[@]}"; do
  now="$(peak_kib "${processes[$i]}")" || fail "process $i has ended"
  ((now - quiet[i] < most_kib)) ||
    fail "process $i: ${quiet[$i]} KiB before, $now KiB with the connections"
done
for log in coordinator stage0 stage1; do
  ! grep -q "Too many open files" "$scratch/$log.log" ||
    fail "$log: $(grep -m3 "Too many open files" "$scratch/$log.log")"
done
