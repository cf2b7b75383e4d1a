#!/usr/bin/env bash
# Processes that die at the points of a commit, and machines that are suspended:
# the job ends in the undisturbed LoRA, byte for byte, and nothing half-written
# stays.
#
#   HP_FAULT_LAYER       libfault_layer.so, which kills at a name
#   HP_WALL_CLOCK_LAYER  a wall clock that can be set
source "$(dirname "$0")/lib.sh"
: "${HP_FAULT_LAYER:?}" "${HP_WALL_CLOCK_LAYER:?}"

job reference >/dev/null
run reference

# --- kill -9 at every point between an export and what comes of it
number=0
while read -r program when name; do
  number=$((number + 1))
  job "killed$number" >/dev/null
  echo "$program $when $name" >"$scratch/plan"
  HP_FAULT_PLAN="$scratch/plan" LD_PRELOAD="$HP_FAULT_LAYER" run "killed$number"
  [[ ! -e "$scratch/plan" ]] || fail "$program never came to $name"
  same_lora reference "killed$number"
  nothing_half_written "$scratch/killed$number"
  echo "identical: $program killed $when $name"
done <<'LIST'
halfpipe-stage0 before /lora.diffsynth.safetensors
halfpipe-stage0 after /lora.comfyui.safetensors
halfpipe-coordinator before /step-00000004
halfpipe-coordinator after /step-00000004
halfpipe-coordinator before /step-00000006
halfpipe-coordinator before /lora.diffsynth.safetensors
halfpipe-coordinator after /lora.diffsynth.safetensors
LIST

# --- suspended: for longer than a lease, and with the wall clock hours later
# when it wakes up
set_clock() {
  python3 - "$scratch/clock" "$1" <<'PYTHON'
import os, struct, sys
with os.fdopen(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT), "r+b") as file:
    file.write(struct.pack("<q", int(sys.argv[2])))
PYTHON
}
set_clock 0
layered() { LD_PRELOAD="$HP_WALL_CLOCK_LAYER" HP_WALL_CLOCK="$scratch/clock" "$@"; }
echo "lease_seconds: 2" >"$scratch/service.yaml"
layered coordinator --config "$scratch/service.yaml" --listen-address 127.0.0.1:0 \
  --metrics-address off --state-dir "$scratch/state"
layered stages
stage0="${children[-2]}"
stage1="${children[-1]}"

# field JOB NAME: of the job.
field() {
  hp show "$1" -o json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$2"
}
steps_past() { (($(field long steps_done) > $1)); }
is_done() { [[ "$(field long state)" == done ]]; }

# suspend SECONDS CLOCK PROCESS...: stops them; the clock is so many seconds on
# when they go on.
suspend() {
  local before
  before="$(field long steps_done)"
  kill -STOP "${@:3}"
  sleep "$1"
  set_clock "$2"
  kill -CONT "${@:3}"
  wait_for 90 steps_past $((before + 2))
}

job calm steps=100 save_every=20 >/dev/null
run calm
job long steps=100 save_every=20 >/dev/null
hp submit "$scratch/long.yaml" --id long --no-wait >/dev/null
wait_for 90 steps_past 2
suspend 4 0 "$stage1"
suspend 4 0 "$stage0" "$stage1"
suspend 4 0 "$coordinator"
suspend 4 36000 "$coordinator" "$stage0" "$stage1"
suspend 4 -86400 "$stage0"
steps="$(field long steps_done)"
((steps < 100)) || echo "the job ended before it was suspended for the last time"
wait_for 120 is_done
same_lora calm long
nothing_half_written "$scratch/long"
echo "identical: suspended five times, restarts: $(field long restarts)"
