#!/usr/bin/env bash
# A job from start to end, on two processes: files, records, a second run.
source "$(dirname "$0")/lib.sh"

job plain >/dev/null
run plain --record "$scratch/record"
grep -q '^LoRA: ' "$scratch/plain.out" || fail "the result is not named"
grep -q 'step 6/6' "$scratch/plain.out" || fail "no progress line"
for format in diffsynth comfyui; do
  [[ -s "$scratch/plain/lora.$format.safetensors" ]] || fail "no $format file"
done
[[ -d "$scratch/plain/step-00000006" ]] || fail "no checkpoint of the end"
nothing_half_written "$scratch/plain"
pgrep -f "$scratch" >/dev/null && fail "a process is left"
[[ -n "$(ls "$scratch"/record/step-*-mb-*.safetensors)" ]] || fail "no record"

# The same file again: done, and nothing is trained.
before="$(lora plain)"
run plain
grep -q 'done already' "$scratch/plain.err" || fail "it was not found again"
[[ "$(lora plain)" == "$before" ]] || fail "the LoRA changed"

# Somebody removed one file and damaged the other.
rm "$scratch/plain/lora.diffsynth.safetensors"
truncate -s -1 "$scratch/plain/lora.comfyui.safetensors"
[[ "$(lora plain)" != "$before" ]] || fail "nothing was changed"
run plain
[[ "$(grep -c 'restored from' "$scratch/plain.out")" == 2 ]] || fail "unsaid"
[[ "$(lora plain)" == "$before" ]] || fail "the LoRA was not restored"
# Another job's LoRA is never overwritten without a word.
job usurper seed=2 >/dev/null
run usurper
cp "$scratch/usurper/lora.comfyui.safetensors" "$scratch/plain/"
expect_error 3 "is the LoRA of another job" \
  "$HP_BIN/halfpipe" run "$scratch/plain.yaml"
cmp -s "$scratch/usurper/lora.comfyui.safetensors" \
  "$scratch/plain/lora.comfyui.safetensors" || fail "it was overwritten"
run plain --replace
[[ "$(lora plain)" == "$before" ]] || fail "the LoRA was not restored"
[[ -s "$(ls "$scratch"/plain/replaced-*/lora.comfyui.safetensors)" ]] ||
  fail "the other job's LoRA was not kept"
# Without its checkpoint it cannot be restored: an error that says what to do.
rm -r "$scratch"/plain/step-*
run plain
rm "$scratch/plain/lora.diffsynth.safetensors"
expect_error 3 "lora.diffsynth.safetensors.*step-00000006 does not have it" \
  "$HP_BIN/halfpipe" run "$scratch/plain.yaml"
run plain --replace
[[ "$(lora plain)" == "$before" ]] || fail "trained again, it is another LoRA"

# Real clips and captions, through decoder, encoders and cache.
cp -r "$HP_MODEL/clips" "$scratch/clips"
job clips model="$whole_model" data="$(clips "$scratch/clips")" >/dev/null
run clips
lora clips >/dev/null
job cached model="$whole_model" data="$(clips "$scratch/clips")" >/dev/null
run cached
same_lora clips cached

# Another seed is another result: the comparisons of the other tests can fail.
job other seed=1 >/dev/null
run other
[[ "$(lora plain)" != "$(lora other)" ]] || fail "the seed has no effect"
