#!/usr/bin/env bash
# Byte-identical LoRA files for every schedule, split and number of stages.
source "$(dirname "$0")/lib.sh"

job reference stages=1 schedule=sequential >/dev/null
run reference
number=0
while read -r settings; do
  number=$((number + 1))
  # shellcheck disable=SC2086  # the words are separate settings
  job "variant$number" $settings >/dev/null
  run "variant$number"
  same_lora reference "variant$number"
  echo "identical: $settings"
done <<'END'
schedule=1f1b split_at=2
schedule=gpipe split_at=2
schedule=sequential split_at=2
schedule=interleaved split_at=2
schedule=interleaved split_at=1
schedule=interleaved split_at=3
stages=1 schedule=interleaved
schedule=1f1b split_at=1
schedule=1f1b split_at=3
stages=1 schedule=1f1b
save_every=4
END

# A job that is cut short goes on with other cuts and schedules: checkpoints do
# not know who held which block.
steps=30
job long steps=$steps save_every=5 stages=1 schedule=sequential >/dev/null
run long
reached=0
while read -r settings; do
  reached=$((reached + 7))
  # shellcheck disable=SC2086  # the words are separate settings
  job switched steps=$steps save_every=5 $settings >/dev/null
  start switched
  pid=$!
  wait_for_step switched $reached
  stages="$(pgrep -P $pid)"
  kill -KILL $pid
  wait $pid || true
  for child in $stages; do
    wait_for 10 bash -c "! kill -0 $child"
  done
done <<'END'
schedule=interleaved split_at=2
schedule=1f1b split_at=3
schedule=interleaved split_at=1
END
job switched steps=$steps save_every=5 schedule=gpipe split_at=2 >/dev/null
run switched
same_lora long switched
echo "identical: schedules and splits switched between checkpoints"
