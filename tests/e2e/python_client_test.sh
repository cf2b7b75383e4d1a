#!/usr/bin/env bash
# The Python example on a real service: a job to its end, a lost connection in
# between, and a job file that is refused.
source "$(dirname "$0")/lib.sh"

"${HP_PYTHON:?}" -c 'import google.protobuf, grpc' 2>/dev/null || {
  echo "SKIPPED: $HP_PYTHON lacks grpcio; run scripts/setup --oracles"
  exit 77
}
"$HP_SOURCE/scripts/wheel" --client "$scratch/client"
client() {
  PYTHONPATH="$scratch/client" timeout 120 "$HP_PYTHON" "$HP_SOURCE/examples/python/halfpipe_client.py" \
    "$@" --address "$HALFPIPE_ADDRESS"
}

service
stages

job first steps=4 >/dev/null
client "$scratch/first.yaml" --id first >"$scratch/first.out" ||
  fail "exit code $?: $(cat "$scratch/first.out")"
grep -q '^job first$' "$scratch/first.out" || fail "no id"
for step in 1 2 3 4; do
  [[ "$(grep -c "^step $step/4  loss " "$scratch/first.out")" == 1 ]] ||
    fail "step $step is not there once: $(cat "$scratch/first.out")"
done
grep -q "^LoRA: $scratch/first/lora.comfyui.safetensors" "$scratch/first.out" ||
  fail "the result is not named"
lora first >/dev/null
# The same id and content: the job that is there, its events once more.
says '^LoRA: ' client "$scratch/first.yaml" --id first || fail "again"

# The coordinator goes and comes back while the job is watched.
job long steps=40 >/dev/null
client "$scratch/long.yaml" --id long >"$scratch/long.out" 2>&1 &
watcher=$!
children+=("$watcher")
wait_for 60 grep -q '^step 2/40 ' "$scratch/long.out"
kill -KILL "$coordinator"
wait "$coordinator" 2>/dev/null || true
service "$HALFPIPE_ADDRESS"
wait "$watcher" || fail "exit code $?: $(tail -5 "$scratch/long.out")"
for step in 1 20 40; do
  [[ "$(grep -c "^step $step/40 " "$scratch/long.out")" == 1 ]] ||
    fail "step $step is not there once"
done

# Problems of a job file, all at once.
job broken extra="pipline: {stages: 2}" steps=many >/dev/null
code=0
client "$scratch/broken.yaml" >"$scratch/broken.out" 2>&1 || code=$?
((code == 1)) || fail "exit code $code"
grep -q "^INVALID_ARGUMENT: " "$scratch/broken.out" || fail "$(cat "$scratch/broken.out")"
for key in train.steps pipline; do
  grep -q "$key" "$scratch/broken.out" || fail "$key is not named"
done
