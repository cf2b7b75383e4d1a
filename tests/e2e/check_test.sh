#!/usr/bin/env bash
# check sees what run will see, and both say it with the same sentences: what is
# wrong with model files and clips is refused by both, and nothing is made.
source "$(dirname "$0")/lib.sh"

cp -r "$HP_MODEL/clips" "$scratch/clips"
t5="$HP_MODEL/model/models_t5_umt5.safetensors"
vae="$HP_MODEL/model/Wan2.1_VAE.safetensors"
pieces="$HP_MODEL/model/google/umt5-xxl"
data="$(clips "$scratch/clips")"

# model DIT TEXT_ENCODER TOKENIZER VAE
model() { echo "{dit: $1, text_encoder: $2, tokenizer: $3, vae: $4}"; }

pointer() {
  printf 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 9953412\n'
}

# both NAME PATTERN...: check and run refuse the job with one text, in which
# every pattern is, and neither leaves anything.
both() {
  local name="$1" pattern
  shift
  expect_error 3 "$1" "$HP_BIN/halfpipe" check "$scratch/$name.yaml"
  cp "$scratch/error.err" "$scratch/$name.check"
  expect_error 3 "$1" "$HP_BIN/halfpipe" run "$scratch/$name.yaml"
  for pattern in "$@"; do
    grep -Eq -e "$pattern" "$scratch/$name.check" ||
      fail "no '$pattern' in: $(cat "$scratch/$name.check")"
  done
  # Where the logs are is run's alone, and each has a name for its job.
  diff <(sed '/logs/d; s/job [^ ]* failed/job failed/' "$scratch/$name.check") \
    <(sed '/logs/d; s/job [^ ]* failed/job failed/' "$scratch/error.err") >/dev/null ||
    fail "check and run differ: $(cat "$scratch/$name.check" "$scratch/error.err")"
  no_lora "$scratch/$name"
  [[ ! -d "$scratch/clips/.halfpipe-cache" ]] || fail "$name made a cache"
  echo "refused by both: $name"
}

# Every key's file at once, and the clip that is none.
pointer >"$scratch/pointer.safetensors"
pointer >"$scratch/pointer.model"
echo '<!DOCTYPE html><html><body>403 Forbidden</body></html>' \
  >"$scratch/page.safetensors"
mkdir "$scratch/clips-bad"
cp "$scratch"/clips/clip-1.* "$scratch/clips-bad/"
pointer >"$scratch/clips-bad/clip-3.mp4"
echo "a pointer" >"$scratch/clips-bad/clip-3.txt"
job all data="$(clips "$scratch/clips-bad")" model="$(
  model "$scratch/nowhere" "$scratch/pointer.safetensors" \
    "$scratch/pointer.model" "$scratch/page.safetensors"
)" >/dev/null
both all "model.dit: $scratch/nowhere does not exist" \
  "model.text_encoder: .*pointer.safetensors is a Git LFS pointer" \
  "model.tokenizer: .*pointer.model is a Git LFS pointer" \
  "model.vae: .*page.safetensors is a web page" \
  "clips-bad/clip-3.mp4 is a Git LFS pointer"

# The right files under the wrong keys.
job swapped data="$data" model="$(model "$dit" "$vae" "$pieces" "$t5")" >/dev/null
both swapped "model.text_encoder: .* is a Wan VAE.*belongs under model.vae" \
  "model.vae: .* is a UMT5 text encoder.*belongs under model.text_encoder"
job dit-is-vae data="$data" model="$(model "$vae" "$t5" "$pieces" "$vae")" >/dev/null
both dit-is-vae "model.dit: .* is a Wan VAE.*belongs under model.vae"
job parent data="$data" model="$(
  model "$dit" "$t5" "$HP_MODEL/model" "$vae"
)" >/dev/null
both parent "model.tokenizer: .*write $pieces/spiece.model"

# One part of a model in place of its folder, a part that is missing, links that
# mix the two experts.
part="$(find "$dit" -name '*-00001-of-*')"
job part data="$data" model="$(model "$part" "$t5" "$pieces" "$vae")" >/dev/null
both part "model.dit: .*it is part 1 of 2 of a model: name the folder $dit"
mkdir "$scratch/gone" "$scratch/high_noise" "$scratch/low_noise" "$scratch/mixed"
cp "$dit"/* "$scratch/gone/"
rm "$scratch"/gone/*-of-*
job gone data="$data" model="$(model "$scratch/gone" "$t5" "$pieces" "$vae")" >/dev/null
both gone "model.dit: 2 of 2 shards of .*00001-of-00002.safetensors does not exist"
cp "$dit"/* "$scratch/high_noise/"
cp "$dit"/* "$scratch/low_noise/"
ln -s "$scratch"/high_noise/*-00001-of-* "$scratch"/low_noise/*-00002-of-* "$scratch/mixed/"
cp "$dit"/*.json "$scratch/mixed/"
job mixed data="$data" model="$(model "$scratch/mixed" "$t5" "$pieces" "$vae")" >/dev/null
both mixed "model.dit: .*high_noise/.* of the high-noise expert, and .* of the low-noise one"

# A LoRA of another rank than the job's.
job rank8 steps=1 >/dev/null
sed -i 's/rank: 4/rank: 8/' "$scratch/rank8.yaml"
run rank8
job rank data="$data" model="$whole_model" >/dev/null
sed -i "s|rank: 4|rank: 4, init_from: $scratch/rank8/lora.diffsynth.safetensors|" \
  "$scratch/rank.yaml"
both rank "lora.init_from: .*lora.diffsynth.safetensors"

# Clips that only decoding shows: check decodes them, in both stages.
cp -r "$HP_MODEL/clips" "$scratch/clips-cut"
ffmpeg -v error -nostdin -f lavfi -i testsrc2=size=96x64:rate=16 -frames:v 3 \
  -c:v libx264 -pix_fmt yuv420p "$scratch/clips-cut/short.mp4"
echo "three frames" >"$scratch/clips-cut/short.txt"
head -c 4000 "$scratch/clips-cut/clip-2.mp4" >"$scratch/clips-cut/half.mp4"
echo "half a clip" >"$scratch/clips-cut/half.txt"
job cut data="$(clips "$scratch/clips-cut")" model="$whole_model" >/dev/null
both cut "2 of 4 samples cannot be used" \
  "short.mp4: has 3 frames; at least 5 are needed" "half.mp4: "
find "$scratch/clips-cut/.halfpipe-cache" -name '*.safetensors' |
  grep -q . || fail "run encoded nothing of the good clips"
# The good clips are in the cache now: the others are still found.
expect_error 3 "2 of 4 samples cannot be used" \
  "$HP_BIN/halfpipe" check "$scratch/cut.yaml"
timeout 60 "$HP_BIN/halfpipe" check --quick "$scratch/cut.yaml" \
  >"$scratch/quick.out" || fail "--quick decodes"
grep -q "no clip was decoded (--quick)" "$scratch/quick.out" ||
  fail "--quick did not say so: $(cat "$scratch/quick.out")"
echo "decoded: every clip, but for --quick"

# What passes check runs; long captions and short clips are named by both.
cp -r "$HP_MODEL/clips" "$scratch/clips-long"
for ((i = 0; i < 900; ++i)); do printf 'bars '; done \
  >"$scratch/clips-long/clip-2.txt"
job long steps=1 model="$whole_model" \
  data="{path: $scratch/clips-long, height: 64, width: 48, frames: 17}" >/dev/null
timeout 120 "$HP_BIN/halfpipe" check "$scratch/long.yaml" >"$scratch/check.out" ||
  fail "a good job is refused"
grep -q "no problems found" "$scratch/check.out" || fail "check did not say so"
grep -q "looking at clips" "$scratch/check.out" || fail "no progress"
find "$scratch/clips-long/.halfpipe-cache" -name '*.safetensors' | grep -q . &&
  fail "check encoded"
run long
for out in check long; do
  grep -Eq "clip-2.mp4: the caption has [0-9]{3,} tokens, and the model reads 512" \
    "$scratch/$out.out" || fail "$out names no long caption"
  grep -Eq "1 of 2 samples give fewer frames than data.frames \(17\): the shortest, .*clip-1.mp4, gives 9" \
    "$scratch/$out.out" || fail "$out names no short clip: $(cat "$scratch/$out.out")"
done
timeout 60 "$HP_BIN/halfpipe" check "$scratch/long.yaml" >"$scratch/check.out" ||
  fail "a cached job is refused"
grep -q "2 of 2 samples are in the cache" "$scratch/check.out" ||
  fail "cached clips are decoded: $(cat "$scratch/check.out")"
echo "warned of: a long caption and a short clip"
