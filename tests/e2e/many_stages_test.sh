#!/usr/bin/env bash
# Three stages and four, a process each, give the LoRA of one process byte for
# byte. No job's key asks for them: many_stages is a coordinator that does.
source "$(dirname "$0")/lib.sh"
: "${HP_MANY_STAGES:?}"

# train NAME STAGES: the job NAME on so many stages.
train() {
  local name="$1" stages="$2" rank coordinator
  local address="unix:$scratch/$name.socket" processes=()
  "$HP_MANY_STAGES" "$address" "$scratch/$name.yaml" "$stages" \
    >"$scratch/$name.log" 2>&1 &
  coordinator=$!
  "$HP_BIN/halfpipe-stage0" --coordinator "$address" --device cpu \
    >"$scratch/$name-stage0.log" 2>&1 &
  processes+=($!)
  for ((rank = 1; rank < stages; rank++)); do
    "$HP_BIN/halfpipe-stage1" --index "$rank" --coordinator "$address" \
      --device cpu >"$scratch/$name-stage$rank.log" 2>&1 &
    processes+=($!)
  done
  children+=("$coordinator" "${processes[@]}")
  wait "$coordinator" || fail "$name on $stages stages: $(cat "$scratch/$name.log")"
  kill -KILL "${processes[@]}" 2>/dev/null || true
  wait "${processes[@]}" 2>/dev/null || true
}

# The program of the real coordinator, and this one's with one stage, agree.
job reference stages=1 schedule=sequential >/dev/null
run reference
job one stages=1 schedule=sequential >/dev/null
train one 1
same_lora reference one
echo "identical: one stage"

number=0
while read -r stages settings; do
  number=$((number + 1))
  # shellcheck disable=SC2086  # the words are separate settings
  job "many$number" $settings >/dev/null
  train "many$number" "$stages"
  same_lora reference "many$number"
  for ((rank = 0; rank < stages; rank++)); do
    [[ -s "$scratch/many$number/step-00000006/stage$rank.safetensors" ]] ||
      fail "stage $rank of $stages saved nothing"
  done
  echo "identical: $stages stages, $settings"
done <<'END'
3 schedule=1f1b
3 schedule=gpipe split_at=1
3 schedule=interleaved
4 schedule=1f1b
4 schedule=interleaved
END

# The first stage is a program of its own.
! "$HP_BIN/halfpipe-stage1" --index 0 --coordinator unix:/nowhere \
  2>"$scratch/index.err" || fail "stage 0 can be halfpipe-stage1"
grep -q "stage 0 is halfpipe-stage0" "$scratch/index.err" ||
  fail "said: $(cat "$scratch/index.err")"
! "$HP_BIN/halfpipe-stage0" --index 1 --coordinator unix:/nowhere \
  2>"$scratch/index.err" || fail "halfpipe-stage0 can be stage 1"
grep -q -- "--index is for halfpipe-stage1" "$scratch/index.err" ||
  fail "said: $(cat "$scratch/index.err")"
