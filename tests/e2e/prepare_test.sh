#!/usr/bin/env bash
# check and prepare: what they find, what they fill, and that a run after them
# has nothing left to encode.
source "$(dirname "$0")/lib.sh"

cp -r "$HP_MODEL/clips" "$scratch/clips"
job one steps=1 model="$whole_model" data="$(clips "$scratch/clips")" >/dev/null

command_of() { # command_of COMMAND NAME [OPTION ...]
  local command="$1" name="$2"
  shift 2
  timeout 120 "$HP_BIN/halfpipe" "$command" "$scratch/$name.yaml" "$@" \
    >"$scratch/$name.out" 2>"$scratch/$name.err" ||
    fail "halfpipe $command: $?: $(cat "$scratch/$name.err")"
}

command_of check one --log-dir "$scratch/logs"
grep -q "no problems found" "$scratch/one.out" || fail "check did not say so"
[[ -s "$scratch/logs/stage0.log" ]] || fail "no log was kept"
[[ ! -e "$scratch/one" ]] || fail "check made the output folder"
echo "checked"

command_of prepare one -o json
grep -q '2 samples are in the cache' "$scratch/one.out" ||
  fail "prepare did not say so: $(cat "$scratch/one.out")"
[[ -n "$(find "$scratch/clips/.halfpipe-cache" -name '*.safetensors')" ]] ||
  fail "the cache is empty"
[[ ! -e "$scratch/one/lora.diffsynth.safetensors" ]] || fail "it trained"
before="$(find "$scratch/clips/.halfpipe-cache" -type f | sort | xargs sha256sum)"
command_of prepare one
run one
grep -q "2 samples, 2 cached" "$scratch/one.out" || fail "run encoded again"
[[ "$(find "$scratch/clips/.halfpipe-cache" -type f | sort | xargs sha256sum)" == "$before" ]] ||
  fail "the cache changed"
echo "prepared"

# Every problem of the data set at once.
printf 'video,prompt\nclip-1.mp4,bars\nclip-8.mp4,missing\nclip-9.mp4,missing\n' \
  >"$scratch/clips/metadata.csv"
job two steps=1 model="$whole_model" data="$(clips "$scratch/clips")" >/dev/null
expect_error 3 "clip-8.mp4" "$HP_BIN/halfpipe" check "$scratch/two.yaml"
grep -q "clip-9.mp4" "$scratch/error.err" || fail "only the first was named"
expect_error 3 "clip-8.mp4" "$HP_BIN/halfpipe" prepare "$scratch/two.yaml"
# Clips that cannot be decoded: prepare finds all of them.
rm "$scratch/clips/metadata.csv"
for number in 1 2; do echo junk >"$scratch/clips/clip-$number.mp4"; done
expect_error 3 "clip-1.mp4" "$HP_BIN/halfpipe" prepare "$scratch/two.yaml"
grep -q "clip-2.mp4" "$scratch/error.err" || fail "only the first was named"
echo "refused"
