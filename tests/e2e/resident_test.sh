#!/usr/bin/env bash
# Weights stay between the jobs of a service: the second job on a model reads
# nothing and gives the LoRA of fresh processes, byte for byte.
source "$(dirname "$0")/lib.sh"

# What each is when nothing came before it.
job alone-a "model={dit: $dit}" seed=3 split_at=2 >/dev/null
job alone-b "model={dit: $dit}" seed=4 split_at=2 micro_batches=2 \
  schedule=sequential >/dev/null
run alone-a
run alone-b

service
stages

# loads LOADED KEPT: what both stages have done at their starts so far.
loads() {
  local rank
  for rank in 0 1; do
    [[ "$(grep -c 'msg="model loaded"' "$scratch/stage$rank.log")" == "$1" ]] ||
      fail "stage $rank did not load the model $1 times"
    [[ "$(grep -c 'weights are those of the job before' \
      "$scratch/stage$rank.log")" == "$2" ]] ||
      fail "stage $rank did not keep its weights $2 times"
  done
}

# queued NAME [KEY=VALUE ...]: a job of the service.
queued() {
  local name="$1"
  shift
  job "$name" "$@" >/dev/null
  hp submit "$scratch/$name.yaml" --id "$name" >"$scratch/$name.out" 2>&1 ||
    fail "submit $name: exit code $?: $(cat "$scratch/$name.out")"
}

queued first "model={dit: $dit}" seed=3 split_at=2
loads 1 0
same_lora alone-a first
# Another seed, order and schedule, on the same weights.
queued second "model={dit: $dit}" seed=4 split_at=2 micro_batches=2 \
  schedule=sequential
loads 1 1
same_lora alone-b second
queued third "model={dit: $dit}" seed=3 split_at=2
loads 1 2
same_lora alone-a third

# Another cut or another model is read, and so is a file that has changed.
queued cut "model={dit: $dit}" seed=3 split_at=1
loads 2 2
same_lora alone-a cut
queued random seed=3 split_at=1
loads 3 2
cp -r "$dit" "$scratch/dit"
queued copy "model={dit: $scratch/dit}" seed=3 split_at=2
loads 4 2
same_lora alone-a copy
touch "$scratch"/dit/*.safetensors
queued touched "model={dit: $scratch/dit}" seed=3 split_at=2
loads 5 2
same_lora alone-a touched

# What must be encoded first needs the room.
mkdir "$scratch/clips"
cp "$HP_MODEL"/clips/* "$scratch/clips"
queued encodes "model=${whole_model/$dit/$scratch/dit}" split_at=2 \
  "data=$(clips "$scratch/clips")"
grep -q 'the weights make room' "$scratch/stage0.log" ||
  fail "stage 0 kept its weights while it encoded"
queued cached "model=${whole_model/$dit/$scratch/dit}" split_at=2 \
  "data=$(clips "$scratch/clips")"
same_lora encodes cached
grep -q 'weights are those' <(tail -n 5 "$scratch/stage0.log") ||
  fail "a complete cache did not keep the weights"
