#!/usr/bin/env bash
# Parity on every golden file of the repository, with one stage and with two,
# and with two chunks a stage, of which one has no block to hold here.
source "$(dirname "$0")/lib.sh"

for folder in "$HP_SOURCE"/tests/golden/*/; do
  [[ -e "$folder/golden.safetensors" ]] || continue
  for run in "--stages 1" "--stages 2" \
    "--stages 2 --schedule interleaved --micro-batches 2" \
    "--stages 1 --schedule interleaved"; do
    # shellcheck disable=SC2086  # the words are separate options
    timeout 60 "$HP_BIN/halfpipe" verify --model "$folder/model" \
      --golden "$folder/golden.safetensors" $run --dtype fp32 \
      --device cpu >"$scratch/verify.out" 2>"$scratch/verify.err" ||
      fail "$folder $run: $? $(cat "$scratch"/verify.*)"
    echo "holds: $(basename "$folder") $run"
  done
done

# One that cannot hold, and one that cannot be read.
folder="$HP_SOURCE/tests/golden/t2v_native"
code=0
"$HP_BIN/halfpipe" verify --model "$folder/model" \
  --golden "$folder/golden.safetensors" --tolerance 1e-12 \
  >"$scratch/verify.out" 2>&1 || code=$?
((code == 1)) ||
  fail "a difference: exit code $code: $(cat "$scratch/verify.out")"
# A slip of the hand must not cost the golden file.
cp "$folder/golden.safetensors" "$scratch/own.safetensors"
expect_error 3 "--write" "$HP_BIN/halfpipe" verify --model "$folder/model" \
  --golden "$scratch/own.safetensors" --write "$scratch/../${scratch##*/}/own.safetensors"
cmp "$folder/golden.safetensors" "$scratch/own.safetensors" ||
  fail "the golden file was overwritten"
head -c 3000 "$folder/golden.safetensors" >"$scratch/cut.safetensors"
for stages in 1 2; do
  code=0
  timeout 60 "$HP_BIN/halfpipe" verify --model "$folder/model" \
    --golden "$scratch/cut.safetensors" --stages $stages \
    >"$scratch/verify.out" 2>&1 || code=$?
  ((code == 3)) ||
    fail "a truncated golden file: exit code $code: $(cat "$scratch/verify.out")"
done
