#!/usr/bin/env bash
# A job is what it trains, not how its file is written: edits of a stopped and of
# a finished job, through the real programs. What may change goes on and ends in
# the bytes of the undisturbed run; what may not is refused by name.
source "$(dirname "$0")/lib.sh"

# clip_job NAME DATA [KEY=VALUE ...]: one on clips, whose output is in NAME.
clip_job() {
  local name="$1" data="$2"
  shift 2
  job "$name" model="$whole_model" data="$(clips "$data")" "$@" >/dev/null
}

# go_on NAME: the same LoRA as the undisturbed job, from step 4 on.
go_on() {
  run "$1" "${@:2}"
  same_lora reference "$1"
  grep -q 'from the checkpoint of step 4' "$scratch/$1.out" ||
    fail "$1 did not go on from step 4: $(cat "$scratch/$1.out")"
}

# stopped NAME: a copy of the stopped job under another name, folder and all.
stopped() {
  cp -r "$scratch/half" "$scratch/$1"
  sed "s#$scratch/half#$scratch/$1#" "$scratch/half.yaml" >"$scratch/$1.yaml"
}

edit() { sed -i "$2" "$scratch/$1.yaml"; }

cp -r "$HP_MODEL/clips" "$scratch/clips"
clip_job reference "$scratch/clips" steps=8
run reference

# Stopped behind step 4: the run of eight steps is told to end, but as it could
# be too quick for that, one of four is what stops there for sure.
clip_job half "$scratch/clips" steps=4
run half
rm "$scratch"/half/lora.*
sed -i 's/steps: 4,/steps: 8,/' "$scratch/half.yaml"

echo "-- more steps of a finished job"
cp -r "$scratch/half" "$scratch/extended"
clip_job extended "$scratch/clips" steps=4
run extended
four="$(lora extended)"
clip_job extended "$scratch/clips" steps=8
go_on_text="train.steps was 4 and is 8"
run extended
grep -q "$go_on_text" "$scratch/extended.out" || fail "the steps are unsaid"
for format in diffsynth comfyui; do
  [[ -s "$scratch/extended/lora.$format.step-4.safetensors" ]] ||
    fail "the LoRA of step 4 was overwritten"
  rm "$scratch/extended/lora.$format.step-4.safetensors"
done
same_lora reference extended
[[ "$(lora extended)" != "$four" ]] || fail "nothing was trained"

echo "-- fewer steps than are done"
clip_job extended "$scratch/clips" steps=4
expect_error 3 'another step of it \(8\)' \
  "$HP_BIN/halfpipe" run "$scratch/extended.yaml"
clip_job extended "$scratch/clips" steps=6
expect_error 3 'train.steps.*write at least 8' \
  "$HP_BIN/halfpipe" run "$scratch/extended.yaml"
same_lora reference extended

echo "-- free keys"
stopped free
edit free 's/name: e2e/name: another/; s/pipeline: {/pipeline: {host_memory: 2GiB, /'
edit free 's/save_every: {steps: 2}/save_every: 30min, keep: 9/'
edit free "s#frames: 9#frames: 9, on_bad_file: skip, cache_dir: $scratch/cache#"
edit free 's/split_at: auto/split_at: 1/; s/schedule: 1f1b/schedule: gpipe/'
edit free 's/stages: 2/stages: 1/'
go_on free

echo "-- moved and renamed files"
stopped moved
mkdir "$scratch/elsewhere"
cp -r "$HP_MODEL/model" "$scratch/elsewhere/model"
for number in 1 2; do # now in the other order
  for kind in mp4 txt; do
    cp "$scratch/clips/clip-$number.$kind" "$scratch/elsewhere/$((9 - number)).$kind"
  done
done
edit moved "s#path: $scratch/clips#path: $scratch/elsewhere#; s#$HP_MODEL/model#$scratch/elsewhere/model#g"
go_on moved

echo "-- a machine's keys are said"
stopped threads
edit threads 's/pipeline: {/pipeline: {threads: 2, /'
run threads
grep -q 'pipeline.threads was 1 and is 2' "$scratch/threads.out" || fail "unsaid"
grep -q '"arithmetic": *"mkl ' "$scratch/threads/step-00000008/manifest.json" ||
  fail "the manifest does not say which CPUs share its bits"

echo "-- keys that decide"
for change in 's/seed: 0/seed: 1/' 's/rank: 4/rank: 8/' 's/frames: 9/frames: 5/'; do
  stopped decides
  edit decides "$change"
  expect_error 3 'step-00000004: [a-z.]* was .* and is .* now' \
    "$HP_BIN/halfpipe" run "$scratch/decides.yaml"
  expect_error 3 'step-00000004: [a-z.]* was .* and is .* now' \
    "$HP_BIN/halfpipe" check "$scratch/decides.yaml"
  rm -r "$scratch/decides"
done

echo "-- other weights, other data"
stopped other
cp -r "$HP_MODEL/model" "$scratch/low"
"$HP_PYTHON" - "$scratch/low/high_noise_model" <<'END'
"""Changes the sign of one weight in every file of the folder."""
import json, pathlib, struct, sys
for path in pathlib.Path(sys.argv[1]).glob("*.safetensors"):
    data = bytearray(path.read_bytes())
    size = struct.unpack("<Q", data[:8])[0]
    for value in json.loads(data[8:8 + size]).values():
        if "data_offsets" in value:
            data[8 + size + value["data_offsets"][0] + 1] ^= 0x80
            break
    path.write_bytes(data)
END
edit other "s#$HP_MODEL/model/high_noise_model#$scratch/low/high_noise_model#"
expect_error 3 'model.dit: holds other weights' \
  "$HP_BIN/halfpipe" run "$scratch/other.yaml"
stopped grown
cp -r "$scratch/clips" "$scratch/grown-clips"
edit grown "s#path: $scratch/clips#path: $scratch/grown-clips#"
cp "$scratch/clips/clip-1.mp4" "$scratch/grown-clips/clip-3.mp4"
echo "other words" >"$scratch/grown-clips/clip-3.txt"
echo "a square" >"$scratch/grown-clips/clip-2.txt"
expect_error 3 'added \(clip-3.mp4\).*changed \(clip-2.mp4 \(caption\)\)' \
  "$HP_BIN/halfpipe" run "$scratch/grown.yaml"
run grown --accept-data
[[ "$(lora grown)" != "$(lora reference)" ]] || fail "the new clip has no effect"

echo "-- another job's folder"
cp -r "$scratch/reference" "$scratch/taken"
clip_job taken "$scratch/clips" steps=2 seed=5
before="$(lora taken)"
expect_error 3 'train.seed was 0 and is 5' "$HP_BIN/halfpipe" run "$scratch/taken.yaml"
[[ "$(lora taken)" == "$before" ]] || fail "the finished LoRA was touched"
run taken --replace
kept=("$scratch"/taken/replaced-*)
[[ -d "${kept[0]}/step-00000008" ]] || fail "the old checkpoints are gone"
[[ "$(cd "${kept[0]}" && sha256sum lora.*)" == "$before" ]] ||
  fail "the old LoRA is gone"
[[ "$(lora taken)" != "$before" ]] || fail "nothing was trained"

echo "-- a published LoRA is a file of its own"
[[ "$(stat -c %h "$scratch/reference/lora.diffsynth.safetensors")" == 1 ]] ||
  fail "it is a link to the checkpoint's"
