#!/usr/bin/env bash
# Jobs that an earlier build left stopped go on with this one, and say what that
# build did not record. What it published is neither lost nor linked.
source "$(dirname "$0")/lib.sh"

# old NAME STEPS: a copy of the job, now with so many steps.
old() {
  cp -r "$HP_SOURCE/tests/e2e/stopped_jobs/$1" "$scratch/$1"
  sed "s#OUT#$scratch/$1#; s/steps: [0-9]*, micro/steps: $2, micro/" \
    "$scratch/$1/job.yaml" >"$scratch/$1.yaml"
}

for name in two one validated; do
  old "$name" 400
  from="$(basename "$scratch/$name"/step-*)"
  sed -i 's/steps: 400, micro/steps: 10, micro/' "$scratch/$name.yaml"
  run "$name"
  step=$((10#${from#step-}))
  grep -q "from the checkpoint of step $step" "$scratch/$name.out" ||
    fail "$name began anew: $(cat "$scratch/$name.out")"
  grep -q "$from was made by an older version" "$scratch/$name.out" || fail "unsaid"
  grep -q "train.steps was 400 and is 10" "$scratch/$name.out" || fail "unsaid"
  [[ -s "$scratch/$name/lora.diffsynth.safetensors" ]] || fail "no LoRA"
  echo "$name goes on from step $step"
done
grep -q 'train.lr_schedule depends on that number' "$scratch/validated.out" ||
  fail "the rate's other course is unsaid"

# The finished one is done, and its LoRA is what it was.
old done 6
before="$(sha256sum <"$scratch/done/lora.diffsynth.safetensors")"
run done
[[ "$(sha256sum <"$scratch/done/lora.diffsynth.safetensors")" == "$before" ]] ||
  fail "the finished LoRA has changed"
grep -q 'step 7' "$scratch/done.out" && fail "it was trained again"

# Another seed is another job, also where the old one recorded no keys.
sed -i 's/seed: 3/seed: 4/' "$scratch/done.yaml"
expect_error 3 'older version made it and did not record its keys' \
  "$HP_BIN/halfpipe" run "$scratch/done.yaml"
[[ "$(sha256sum <"$scratch/done/lora.diffsynth.safetensors")" == "$before" ]] ||
  fail "the finished LoRA has changed"
