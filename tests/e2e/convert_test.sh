#!/usr/bin/env bash
# LoRA files from format to format and into their model, against torch. A real
# job's LoRA, and one with random numbers for weights in bf16.
source "$(dirname "$0")/lib.sh"
needs_oracles

hp="$HP_BIN/halfpipe"
oracle() { "$HP_PYTHON" "$HP_SOURCE/tests/e2e/convert_oracle.py" "$@"; }

job trained steps=2 model="{dit: $dit}" >/dev/null
run trained
lora="$scratch/trained/lora.diffsynth.safetensors"

# Every format from a trained file and back: the same update, every key found.
for format in comfyui diffusers peft musubi lightx2v diffsynth; do
  mkdir -p "$scratch/$format"
  "$hp" convert "$lora" "$scratch/$format/a.safetensors" --to "$format" \
    --base "$dit" >/dev/null
  oracle same "$lora" "$scratch/$format/a.safetensors"
  "$hp" convert "$scratch/$format/a.safetensors" \
    "$scratch/$format/back.safetensors" --to diffsynth >/dev/null
  cmp "$lora" "$scratch/$format/back.safetensors" ||
    fail "$format: not the same file when it comes back"
  echo "converted: $format"
done
# The job's own exports say the same as converted ones.
oracle same "$scratch/trained/lora.comfyui.safetensors" \
  "$scratch/comfyui/a.safetensors"

# A key that is none is named, with the nearest one, and nothing is written.
"$HP_PYTHON" - "$lora" "$scratch/typo.safetensors" <<'END'
import sys
from safetensors.torch import load_file, save_file
tensors = load_file(sys.argv[1])
for old, new in (("self_attn.q.", "self_attn.qq."), ("ffn.0.", "fnn.0.")):
    for key in [k for k in tensors if k.startswith("blocks.1." + old)]:
        tensors[key.replace(old, new)] = tensors.pop(key)
save_file(tensors, sys.argv[2])
END
for check in "--to comfyui" "--to comfyui --base $dit" "--merge-into $dit"; do
  # shellcheck disable=SC2086  # options
  expect_error 3 "2 of 40 modules do not match" \
    "$hp" convert "$scratch/typo.safetensors" "$scratch/none.safetensors" $check
  grep -q "nearest name is 'blocks.1.self_attn.q'" "$scratch/error.err" ||
    fail "no suggestion"
  [[ ! -e "$scratch/none.safetensors" ]] || fail "it was written"
done

# Into the model: one file, and a folder that loads again and runs.
"$hp" convert "$lora" "$scratch/merged.safetensors" --merge-into "$dit"
oracle merged "$dit" "$lora" 1 "$scratch/merged.safetensors"
"$hp" convert "$scratch/musubi/a.safetensors" "$scratch/merged" \
  --merge-into "$dit" --strength 0.75 -o json >"$scratch/merged.json"
oracle merged "$dit" "$lora" 0.75 "$scratch/merged"
nothing_half_written "$scratch"
job again steps=1 model="{dit: $scratch/merged}" >/dev/null
run again

# Weights in bf16 and fp16 are rounded as torch rounds; diffusers' names.
"$HP_PYTHON" - "$HP_SOURCE/tests/golden/t2v_diffusers/model" "$scratch" <<'END'
import pathlib, shutil, sys
import torch
from safetensors.torch import load_file, save_file
model, scratch = map(pathlib.Path, sys.argv[1:])
torch.manual_seed(0)
base = load_file(model / "diffusion_pytorch_model.safetensors")
for name, dtype in (("bf16", torch.bfloat16), ("fp16", torch.float16)):
    folder = scratch / f"dit-{name}"
    folder.mkdir()
    save_file({k: v.to(dtype) for k, v in base.items()},
              folder / "diffusion_pytorch_model.safetensors")
    shutil.copy(model / "config.json", folder)
lora = {}
for key, weight in base.items():
    if weight.dim() == 2 and ".to_" in key:
        stem = "transformer." + key.removesuffix(".weight")
        lora[stem + ".lora_A.weight"] = torch.randn(3, weight.shape[1]) * 0.1
        lora[stem + ".lora_B.weight"] = torch.randn(weight.shape[0], 3) * 0.1
save_file(lora, scratch / "random.safetensors")
END
for name in bf16 fp16; do
  "$hp" convert "$scratch/random.safetensors" "$scratch/merged-$name" \
    --merge-into "$scratch/dit-$name" --strength 1.3 >/dev/null
  oracle merged "$scratch/dit-$name" "$scratch/random.safetensors" 1.3 \
    "$scratch/merged-$name"
done
