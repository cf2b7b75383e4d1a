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
schedule=1f1b split_at=1
schedule=1f1b split_at=3
stages=1 schedule=1f1b
save_every=4
END
