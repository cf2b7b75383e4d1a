#!/usr/bin/env bash
# Validations: the same losses for every cut and after kills, no trace in the
# training, the best checkpoint kept, and the early end.
source "$(dirname "$0")/lib.sh"

data="{height: 64, width: 48, frames: 9, random: {samples: 7}}"
held_out="validation: {samples: 2, bands: 3, every: 2}"

# validations NAME: its results without what tells one run from another. A step
# that was done again was validated again, to the same bits.
validations() {
  grep '"type":"validation"' "$scratch/$1.out" |
    sed -E 's/"cursor":[0-9]+,"time":"[^"]*",//' | sort -u
}

# same_validations A B
same_validations() {
  local a b
  a="$(validations "$1")"
  b="$(validations "$2")"
  [[ -n "$a" ]] || fail "$1 was not validated"
  [[ "$a" == "$b" ]] || fail "the validations differ: $1: $a; $2: $b"
}

job reference data="$data" extra="$held_out" stages=1 schedule=sequential \
  >/dev/null
run reference -o json
[[ "$(validations reference | wc -l)" == 3 ]] ||
  fail "not validated behind steps 2, 4 and 6: $(validations reference)"
[[ "$(validations reference | grep -o '"timestep":' | wc -l)" == 9 ]] ||
  fail "not three bands: $(validations reference)"

number=0
while read -r settings; do
  number=$((number + 1))
  # shellcheck disable=SC2086  # the words are separate settings
  job "cut$number" data="$data" extra="$held_out" $settings >/dev/null
  run "cut$number" -o json
  same_validations reference "cut$number"
  same_lora reference "cut$number"
  echo "identical validations: $settings"
done <<'END'
schedule=1f1b split_at=2
schedule=interleaved split_at=1
END

job seldom data="$data" extra="${held_out/every: 2/every: 5}" >/dev/null
run seldom -o json
same_lora reference seldom
[[ "$(validations seldom | wc -l)" == 2 ]] || fail "not behind steps 5 and 6"
echo "identical: the LoRA with fewer validations"

steps=24
job long data="$data" extra="$held_out" steps=$steps save_every=5 >/dev/null
run long -o json
for program in halfpipe-stage1 halfpipe-coordinator; do
  job "$program" data="$data" extra="$held_out" steps=$steps save_every=5 \
    >/dev/null
  run_killed "$program" "$program" 9
  same_validations long "$program"
  same_lora long "$program"
  nothing_half_written "$scratch/$program"
  echo "identical validations after a killed $program"
done

# A learning rate at which nothing gets better: what is added is lost in fp32.
job early data="$data" extra="${held_out/every: 2/every: 2, patience: 5}" \
  steps="40, optimizer: {learning_rate: 1.0e-30}" >/dev/null
run early -o json
grep -q 'stopped early' "$scratch/early.out" || fail "early did not end early"
[[ "$(validations early | wc -l)" -lt 20 ]] || fail "early took every step"
[[ -n "$(lora early)" ]] || fail "early has no LoRA"
best="$(grep '"type":"validation"' "$scratch/early.out" | tail -n 1 |
  sed -E 's/.*"best_steps_done":([0-9]+).*/\1/')"
[[ -d "$scratch/early/$(printf 'step-%08d' "$best")" ]] ||
  fail "the best checkpoint, $best, is gone: $(ls "$scratch/early")"
echo "an early end, and the best checkpoint is there"

job all data="$data" extra="${held_out/samples: 2/samples: 7}" >/dev/null
expect_error 3 'validation\.samples: the data set has 7 different samples' \
  "$HP_BIN/halfpipe" run "$scratch/all.yaml"
