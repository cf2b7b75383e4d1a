#!/usr/bin/env bash
# Models and LoRA files in the forms of other programs: read as torch and
# diffusers read them, or refused by name. `convert` and `init_from` agree.
source "$(dirname "$0")/lib.sh"
needs_oracles

hp="$HP_BIN/halfpipe"
py() { "$HP_PYTHON" "$HP_SOURCE/tests/e2e/foreign_files.py" "$@"; }

# --- LoRA files
py lora "$dit" "$scratch/lora"

# start FILE [LORA KEY]: a step from it.
start_from() {
  job "from-$1" steps=1 model="{dit: $dit}" >/dev/null
  sed -i "s|^lora: .*|lora: {rank: 4, init_from: $scratch/lora/$1.safetensors${2:+, $2}}|" \
    "$scratch/from-$1.yaml"
}

# What is read: by `convert`, as diffusers reads it, and as a start.
for name in good kohya fun peft_named orig_mod model_prefix module lycoris \
  diffusers metadata_alpha whole_alpha; do
  "$hp" convert "$scratch/lora/$name.safetensors" \
    "$scratch/comfy-$name.safetensors" --to comfyui --base "$dit" >/dev/null
  py same "$scratch/lora/$name.safetensors" "$scratch/comfy-$name.safetensors"
  start_from "$name"
  run "from-$name"
  echo "read: $name"
done

# What both refuse, with the same words.
refused() { # refused NAME PATTERN
  expect_error 3 "$2" "$hp" convert "$scratch/lora/$1.safetensors" \
    "$scratch/none.safetensors" --to comfyui --base "$dit"
  [[ ! -e "$scratch/none.safetensors" ]] || fail "$1 was written"
  start_from "$1"
  expect_error 3 "${3:-$2}" "$hp" run "$scratch/from-$1.yaml"
  no_lora "$scratch/from-$1"
  echo "refused: $1"
}
refused dora "DoRA adapter .*dora_scale"
refused lokr "LoKr adapter .*lokr_w1"
refused nan "holds NaN at element 0"
refused no_b "has no B"
refused fp8 "is F8_E4M3"
refused two_experts "both experts.*transformer_2\." "keys.*transformer_2\..*lora.partial: true"
refused i2v21 "8 of 48 modules" "holds 8 keys.*k_img.*lora.partial: true"

# What convert keeps and a start cannot hold, or has another size.
"$hp" convert "$scratch/lora/distill.safetensors" \
  "$scratch/comfy-distill.safetensors" --to comfyui --base "$dit" >/dev/null
py same "$scratch/lora/distill.safetensors" "$scratch/comfy-distill.safetensors"
expect_error 3 "differences of whole tensors.*--merge-into" "$hp" convert \
  "$scratch/lora/distill.safetensors" "$scratch/none.safetensors" --to peft
"$hp" convert "$scratch/lora/distill.safetensors" "$scratch/merged" \
  --merge-into "$dit" --strength 0.5 >/dev/null
py merged "$dit" "$scratch/lora/distill.safetensors" 0.5 "$scratch/merged"
start_from distill
expect_error 3 "differences of whole tensors.*lora.partial: true" \
  "$hp" run "$scratch/from-distill.yaml"
start_from rank8
expect_error 3 "has rank 8, but lora.rank is 4; write lora.rank: 8" \
  "$hp" run "$scratch/from-rank8.yaml"
start_from mixed_rank
expect_error 3 "rank 4 in .* and rank 8 in " "$hp" run "$scratch/from-mixed_rank.yaml"
start_from attention
expect_error 3 "no matrices for 8 layers .*write lora.targets: \[k, o, q, v\]" \
  "$hp" run "$scratch/from-attention.yaml"
for name in distill i2v21 two_experts attention; do
  start_from "$name" "partial: true"
  run "from-$name"
  echo "in part: $name"
done

# --- The text encoder and the DiT in 8 bits: what is trained is what torch's
# own float32 of the same numbers trains.
cp -r "$HP_MODEL/clips" "$scratch/clips"
clip_data="$(clips "$scratch/clips")"
text="$HP_MODEL/model/models_t5_umt5.safetensors"
trained() { # trained NAME DIT TEXT
  job "$1" steps=1 data="$clip_data" \
    model="$(sed "s|$dit|$2|; s|$text|$3|" <<<"$whole_model")" >/dev/null
  run "$1"
}
py text "$text" "$scratch/text"
for form in plain_hf plain_native e5m2 one row block; do
  trained "text-$form" "$dit" "$scratch/text/$form.safetensors"
  trained "text-$form-fp32" "$dit" "$scratch/text/$form-fp32.safetensors"
  py equal "$scratch/text-$form" "$scratch/text-$form-fp32"
  echo "text encoder: $form"
done
py dit "$dit" "$scratch/dit"
for form in plain e5m2 one row block prefix; do
  trained "dit-$form" "$scratch/dit/$form" "$text"
  trained "dit-$form-fp32" "$scratch/dit/$form-fp32" "$text"
  py equal "$scratch/dit-$form" "$scratch/dit-$form-fp32"
  echo "dit: $form"
done
for form in nf4 int8 nvfp4 lost_scale two_levels words config; do
  job "bad-$form" model="{dit: $scratch/dit/bad-$form}" >/dev/null
  for command in check run; do
    expect_error 3 "bad-$form.*(download|halfpipe does not read)" \
      "$hp" "$command" "$scratch/bad-$form.yaml"
  done
  echo "refused: $form"
done
