#!/usr/bin/env bash
# Every wrong input: one clear error, its exit code, no hang, nothing half
# written.
source "$(dirname "$0")/lib.sh"

bad() { # bad NAME CODE PATTERN
  expect_error "$2" "$3" "$HP_BIN/halfpipe" run "$scratch/$1.yaml"
  nothing_half_written "$scratch/$1"
  no_lora "$scratch/$1"
  echo "refused: $1"
}

job key extra="pipline: {stages: 2}" >/dev/null
bad key 3 "key.yaml:8:.*pipeline"
job type steps=many >/dev/null
bad type 3 "type.yaml:5:.*train.steps.*many"

job missing model="{dit: $scratch/nowhere}" >/dev/null
bad missing 3 "$scratch/nowhere"

cp -r "$dit" "$scratch/truncated-model"
shard="$(find "$scratch/truncated-model" -name '*.safetensors' | sort | head -1)"
truncate -s -100 "$shard"
job truncated model="{dit: $scratch/truncated-model}" >/dev/null
bad truncated 3 "$(basename "$shard")"

# What editors of other systems write: named with file and line by all commands
# that read a job file, not a word of a library's, and no hang.
job latin1 >/dev/null
printf '# caf\xe9\n' >>"$scratch/latin1.yaml"
job utf16 >/dev/null
iconv -f UTF-8 -t UTF-16 "$scratch/utf16.yaml" -o "$scratch/utf16.tmp"
mv "$scratch/utf16.tmp" "$scratch/utf16.yaml"
for command in run check plan prepare submit; do
  expect_error 3 "^halfpipe: $scratch/latin1.yaml:[0-9]+: byte 0xE9 is not UTF-8" \
    "$HP_BIN/halfpipe" "$command" "$scratch/latin1.yaml"
  expect_error 3 "^halfpipe: $scratch/utf16.yaml: is UTF-16" \
    "$HP_BIN/halfpipe" "$command" "$scratch/utf16.yaml"
  expect_error 3 "^halfpipe: the argument '.*caf.xE9.yaml' is not UTF-8" \
    "$HP_BIN/halfpipe" "$command" "$scratch/"$'caf\xe9.yaml'
done
echo "refused: other encodings"

# A folder that cannot be made: the option or the key that names it.
job workdir >/dev/null
expect_error 3 "^halfpipe: --workdir: cannot be written" \
  "$HP_BIN/halfpipe" run "$scratch/workdir.yaml" --workdir /proc/nowhere
echo "refused: --workdir"

# A split that leaves a stage without blocks, and what would do.
job split split_at=4 model="{dit: $dit}" >/dev/null
bad split 3 "pipeline.split_at: .* 4 blocks, .* from 1 to 3"
job one-block model="{random: {variant: tiny-t2v, layers: 1}}" >/dev/null
bad one-block 3 "pipeline.stages to 1"

# The last bytes of each shard become NaN.
cp -r "$dit" "$scratch/nan-model"
for shard in "$scratch"/nan-model/*.safetensors; do
  printf '\377\377\377\177%.0s' {1..64} |
    dd of="$shard" bs=1 seek=$(($(stat -c %s "$shard") - 256)) conv=notrunc \
      status=none
done
job nan model="{dit: $scratch/nan-model}" >/dev/null
bad nan 1 "finite|nan|NaN"

# Data from files.
files() { job "$1" model="$whole_model" data="$(clips "$2")" >/dev/null; }
cp -r "$HP_MODEL/clips" "$scratch/clips-orphan"
printf 'video,prompt\nclip-1.mp4,bars\nclip-9.mp4,missing\n' \
  >"$scratch/clips-orphan/metadata.csv"
files orphan "$scratch/clips-orphan"
bad orphan 3 "clip-9.mp4"

# Encoders with NaN in them: refused before anything of theirs is cached.
spoiled() { # spoiled FILE TENSOR COPY: a whole_model whose FILE has NaN there
  python3 - "$1" "$2" "$3" <<'END'
import json, struct, sys
source, tensor, copy = sys.argv[1:]
data = bytearray(open(source, "rb").read())
start = 8 + struct.unpack("<Q", data[:8])[0]
first = start + json.loads(data[8:start])[tensor]["data_offsets"][0]
data[first : first + 4] = struct.pack("<f", float("nan"))
open(copy, "wb").write(data)
END
  echo "${whole_model/"$1"/"$3"}"
}
cp -r "$HP_MODEL/clips" "$scratch/clips-nan"
job nan-text data="$(clips "$scratch/clips-nan")" model="$(
  spoiled "$HP_MODEL/model/models_t5_umt5.safetensors" norm.weight \
    "$scratch/nan-text.safetensors"
)" >/dev/null
bad nan-text 3 "model.text_encoder: $scratch/nan-text.safetensors .* not finite for the caption of .*clip-[12].mp4"
job nan-vae data="$(clips "$scratch/clips-nan")" model="$(
  spoiled "$HP_MODEL/model/Wan2.1_VAE.safetensors" encoder.conv1.weight \
    "$scratch/nan-vae.safetensors"
)" >/dev/null
bad nan-vae 3 "model.vae: $scratch/nan-vae.safetensors .* not finite for .*clip-[12].mp4"
# The sound ones still work there.
files nan-none "$scratch/clips-nan"
run nan-none

mkdir "$scratch/clips-short"
ffmpeg -v error -nostdin -f lavfi -i testsrc2=size=96x64:rate=16 -frames:v 3 \
  -c:v libx264 -pix_fmt yuv420p "$scratch/clips-short/short.mp4"
echo "three frames" >"$scratch/clips-short/short.txt"
files short "$scratch/clips-short"
bad short 3 "short.mp4: has 3 frames; at least 5"
truncate -s 200 "$scratch/clips-short/short.mp4"
files broken "$scratch/clips-short"
bad broken 3 "short.mp4"

# Asked to, the job lists them and goes on with what is left.
cp "$scratch/clips-short/short.mp4" "$scratch/clips-orphan/"
printf 'video,prompt\nclip-1.mp4,bars\nclip-9.mp4,missing\nshort.mp4,cut\n' \
  >"$scratch/clips-orphan/metadata.csv"
skipping="$(clips "$scratch/clips-orphan")"
job skipped model="$whole_model" data="${skipping%\}}, on_bad_file: skip}" >/dev/null
run skipped -o json
for name in clip-9.mp4 short.mp4; do
  grep -q "$name" "$scratch/skipped.out" || fail "$name is not listed"
done
lora skipped >/dev/null
echo "skipped: clip-9.mp4 and short.mp4"

# A port that is taken.
service
taken="$HALFPIPE_ADDRESS"
unset HALFPIPE_ADDRESS
code=0
timeout 30 "$HP_BIN/halfpipe-coordinator" --listen-address "$taken" \
  --metrics-address 127.0.0.1:0 --state-dir "$scratch/state2" \
  >"$scratch/second.out" 2>"$scratch/second.err" || code=$?
((code == 2 || code == 3)) || fail "a taken port: exit code $code"
grep -q "${taken##*:}" "$scratch/second.err" || fail "the port is not named"
echo "refused: a port in use"

# A stage that never joins.
mkdir "$scratch/programs"
cp "$HP_BIN/halfpipe" "$scratch/programs/"
ln -s "$HP_BIN/halfpipe-coordinator" "$HP_BIN/halfpipe-stage0" \
  "$scratch/programs/"
printf '#!/bin/sh\necho waiting for a lock\nexec sleep 600\n' \
  >"$scratch/programs/halfpipe-stage1"
chmod +x "$scratch/programs/halfpipe-stage1"
job lonely >/dev/null
expect_error 1 "stage1 \(rank 1\) did not join" \
  "$scratch/programs/halfpipe" run "$scratch/lonely.yaml" --join-timeout 6
grep -q "waiting for a lock" "$scratch/error.err" || fail "no log tail"
no_lora "$scratch/lonely"
echo "refused: a stage that never joins"

# A stage that dies at once, again and again.
printf '#!/bin/sh\necho no driver here\nexit 75\n' \
  >"$scratch/programs/halfpipe-stage1"
job dying >/dev/null
expect_error 1 "stage1 exited with code 75; given up" \
  "$scratch/programs/halfpipe" run "$scratch/dying.yaml"
grep -q "no driver here" "$scratch/error.err" || fail "no log tail"

# A GPU that is not there is no reason to try again. The first two arguments say
# where the coordinator is.
printf '#!/bin/sh\nexec "%s" "$1" "$2" --device cuda:63\n' \
  "$HP_BIN/halfpipe-stage1" >"$scratch/programs/halfpipe-stage1"
job no-gpu >/dev/null
expect_error 1 "stage1 exited with code 69" \
  "$scratch/programs/halfpipe" run "$scratch/no-gpu.yaml"
grep -q "cuda:63 is not there" "$scratch/error.err" || fail "no log tail"
no_lora "$scratch/no-gpu"
echo "refused: a GPU that is not there"
