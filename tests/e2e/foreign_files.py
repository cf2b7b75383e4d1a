#!/usr/bin/env python3
"""Makes files in the forms of other programs, and says what they mean.

  foreign_files.py lora DIT FOLDER     LoRA files for the DiT
  foreign_files.py text FILE FOLDER    a text encoder in forms of 8 bits
  foreign_files.py dit DIT FOLDER      the DiT in forms of 8 bits
  foreign_files.py same A B            two LoRA files mean the same
  foreign_files.py merged DIT LORA STRENGTH RESULT
  foreign_files.py equal JOB JOB       two jobs' LoRAs have the same numbers

Every form in 8 bits has a FORM-fp32 beside it: the same numbers as torch reads
them. Exits with 1 and a line for what is wrong.
"""

import json
import logging
import pathlib
import re
import shutil
import sys

import torch
from diffusers.loaders import lora_conversion_utils
from safetensors import safe_open
from safetensors.torch import load_file, save_file

RANK = 4


def load(path):
    path = pathlib.Path(path)
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    return {k: v for file in files for k, v in load_file(file).items()}


# --- LoRA files


def write_loras(dit, folder):
    base, out = load(dit), pathlib.Path(folder)
    out.mkdir()
    torch.manual_seed(0)
    modules = {k.removesuffix(".weight"): v.shape for k, v in base.items()
               if k.startswith("blocks.") and v.dim() == 2
               and k.endswith(".weight")}

    def plain(prefix, a=".lora_A.weight", b=".lora_B.weight", alpha=None,
              rank=lambda _: RANK, name=lambda m: m, only=""):
        tensors = {}
        for module, (rows, columns) in modules.items():
            if only not in module:
                continue
            stem, r = prefix + name(module), rank(module)
            tensors[stem + a] = (torch.randn(r, columns) * 0.1).bfloat16()
            tensors[stem + b] = (torch.randn(rows, r) * 0.1).bfloat16()
            if alpha:
                tensors[stem + ".alpha"] = torch.tensor(float(alpha))
        return tensors

    def flat(module):
        return module.replace(".", "_")

    def diffusers(module):
        for native, theirs in (("self_attn.o", "attn1.to_out.0"),
                               ("cross_attn.o", "attn2.to_out.0"),
                               ("self_attn.", "attn1.to_"),
                               ("cross_attn.", "attn2.to_"),
                               ("ffn.0", "ffn.net.0.proj"),
                               ("ffn.2", "ffn.net.2")):
            module = module.replace(native, theirs)
        return module

    def put(name, tensors, metadata=None):
        save_file(tensors, out / f"{name}.safetensors", metadata)

    dm, down, up = "diffusion_model.", ".lora_down.weight", ".lora_up.weight"
    good = plain(dm, alpha=RANK)
    put("good", good)
    kohya = plain("lora_unet_", down, up, 2, name=flat)
    put("kohya", kohya)
    # What musubi's convert_lora.py writes.
    put("whole_alpha", {k: v.long() if k.endswith(".alpha") else v
                        for k, v in kohya.items()})
    put("fun", {k.replace("lora_unet_", "lora_unet__"): v
                for k, v in kohya.items()})
    put("lycoris", {k.replace("lora_unet_", "lycoris_"): v
                    for k, v in kohya.items()})
    put("dora", {**kohya, "lora_unet_blocks_0_ffn_0.dora_scale":
                 torch.ones(1, 4)})
    put("lokr", {"lycoris_blocks_0_ffn_0.lokr_w1": torch.ones(2, 2),
                 "lycoris_blocks_0_ffn_0.lokr_w2": torch.ones(2, 2)})
    put("peft_named", plain("base_model.model.", ".lora_A.mine.weight",
                            ".lora_B.mine.weight"))
    put("orig_mod", plain(dm + "_orig_mod."))
    put("module", plain("module."))
    put("model_prefix", plain("model." + dm))
    put("diffusers", plain("transformer.", name=diffusers))
    put("metadata_alpha", plain("transformer.", name=diffusers),
        {"lora_adapter_metadata": json.dumps(
            {"transformer.r": RANK, "transformer.lora_alpha": 8 * RANK})})
    put("two_experts", {**plain("transformer.", name=diffusers),
                        **plain("transformer_2.", name=diffusers)})
    put("rank8", plain(dm, rank=lambda _: 8))
    put("mixed_rank", plain(dm, rank=lambda m: 8 if ".ffn." in m else RANK))
    put("attention", plain(dm, only="attn"))
    put("no_b", {k: v for k, v in good.items() if "lora_B" not in k})
    spoiled = dict(good)
    first = next(k for k in good if "lora_A" in k)
    spoiled[first] = good[first].clone()
    spoiled[first][0, 0] = float("nan")
    put("nan", spoiled)
    put("fp8", {k: v.to(torch.float8_e4m3fn) if "lora" in k else v
                for k, v in good.items()})
    images = dict(good)
    for i in range(4):
        for part in ("k_img", "v_img"):
            stem = f"{dm}blocks.{i}.cross_attn.{part}"
            images[stem + ".lora_A.weight"] = torch.randn(RANK, 48)
            images[stem + ".lora_B.weight"] = torch.randn(48, RANK)
    put("i2v21", images)
    distill = plain(dm, down, up, RANK)
    for key, tensor in base.items():
        small = torch.randn(tensor.shape) * 0.1
        if key.endswith(".bias") and "blocks." in key:
            distill[dm + key.removesuffix(".bias") + ".diff_b"] = small
        if "norm" in key and key.endswith(".weight"):
            distill[dm + key.removesuffix(".weight") + ".diff"] = small
        if key.endswith(".modulation"):
            distill[dm + key.removesuffix(".modulation") + ".diff_m"] = small
    put("distill", distill)


PREFIXES = ("base_model.model.", "model.", "diffusion_model.", "_orig_mod.",
            "module.")


def dotted(key):
    """The key as ComfyUI spells it, without its prefix."""
    for flat in ("lora_unet__", "lora_unet_", "lycoris_"):
        if key.startswith(flat):
            stem, rest = key.removeprefix(flat).split(".", 1)
            stem = re.sub(r"^blocks_(\d+)_", r"blocks.\1.", stem)
            stem = re.sub(r"(self_attn|cross_attn|ffn)_", r"\1.", stem)
            return f"{stem}.{rest}"
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    return key.replace(".mine.", ".").replace(".diff_m", ".modulation.diff")


def meaning(path):
    """{diffusers' module: update}, {native tensor: difference}, in float64.

    diffusers itself names the modules and applies the alphas.
    """
    with safe_open(path, "pt") as opened:
        metadata = opened.metadata() or {}
    tensors = load_file(path)
    differences = {k: v.double() for k, v in
                   ((dotted(k), v) for k, v in tensors.items())
                   if re.search(r"\.(diff|diff_b)$", k)}
    scale = 1.0
    if any(k.startswith("transformer.") for k in tensors):
        config = json.loads(metadata.get("lora_adapter_metadata", "{}"))
        if config:
            scale = config["transformer.lora_alpha"] / config["transformer.r"]
        converted = {k.removeprefix("transformer."): v.double()
                     for k, v in tensors.items()}
    else:
        state = {"diffusion_model." + dotted(k): v.double()
                 for k, v in tensors.items()
                 if not re.search(r"\.diff(_b|_m)?$", k)}
        converted = (lora_conversion_utils
                     ._convert_non_diffusers_wan_lora_to_diffusers(state))
    updates = {}
    for key, a in converted.items():
        if ".lora_A." not in key:
            continue
        module = key.split(".lora_A.")[0].removeprefix("transformer.")
        updates[module] = scale * converted[key.replace("lora_A", "lora_B")] @ a
    if not updates:
        sys.exit(f"{path}: no update")
    return updates, differences


def same(left, right):
    (a, da), (b, db) = meaning(left), meaning(right)
    for one, other in ((a, b), (da, db)):
        if one.keys() != other.keys():
            sys.exit(f"others: {sorted(one.keys() ^ other.keys())[:5]}")
        for name, tensor in one.items():
            # Differences are stored in the dtype of the whole file.
            if not torch.allclose(tensor, other[name], rtol=1e-6, atol=1e-9):
                sys.exit(f"{right}: {name} differs")


def merged(dit, lora, strength, result):
    base, after = load(dit), load(result)
    _, differences = meaning(lora)
    for key, difference in differences.items():
        name = key.removesuffix(".diff").removesuffix(".diff_b")
        ending = ".bias" if key.endswith(".diff_b") else ".weight"
        name += "" if name.endswith("modulation") else ending
        wanted = base.pop(name).double() + float(strength) * difference
        if not torch.allclose(after[name].double(), wanted, rtol=1e-6):
            sys.exit(f"{name}: not the merged tensor")
    changed = {k for k, v in base.items() if not torch.equal(v, after[k])}
    matrices = {k for k in changed if base[k].dim() == 2 and "blocks." in k}
    if changed != matrices:
        sys.exit(f"also changed: {sorted(changed - matrices)[:5]}")


# --- 8 bits


def quantised(tensors, form, is_linear):
    """What a file of this form holds, and the numbers that it means."""
    stored, meant = {}, {}
    kind = torch.float8_e5m2 if form == "e5m2" else torch.float8_e4m3fn
    for name, tensor in tensors.items():
        weight = tensor.float()
        if not is_linear(name, tensor):
            stored[name] = weight.half()
            meant[name] = stored[name].float()
            continue
        scale = torch.ones(())
        if form == "one":
            scale = (weight.abs().max() / 448).view(1)
        if form == "row":
            scale = weight.abs().amax(1, keepdim=True) / 448
        if form == "block":
            weight = weight.view(weight.shape[0], -1, 8)
            scale = weight.abs().amax(2, keepdim=True) / 448
        values = (weight / scale).to(kind)
        stored[name] = values.view(tensor.shape)
        meant[name] = (values.float() * scale).view(tensor.shape)
        stem = name.removesuffix("weight")
        if form in ("one", "block"):
            stored[stem + "scale_weight"] = scale
        if form == "one":
            stored[stem + "scale_input"] = torch.ones(1)
        if form == "row":
            stored[stem + "weight_scale"] = scale
            stored[stem + "comfy_quant"] = torch.tensor(
                list(b'{"format": "float8_e4m3fn"}'), dtype=torch.uint8)
    if form == "one":
        stored["scaled_fp8"] = torch.empty(0, dtype=torch.float8_e4m3fn)
    return stored, meant


UMT5 = (("norm1", "layer.0.layer_norm"),
        ("pos_embedding.embedding",
         "layer.0.SelfAttention.relative_attention_bias"),
        ("attn.", "layer.0.SelfAttention."), ("norm2", "layer.1.layer_norm"),
        ("ffn.gate.0", "layer.1.DenseReluDense.wi_0"),
        ("ffn.fc1", "layer.1.DenseReluDense.wi_1"),
        ("ffn.fc2", "layer.1.DenseReluDense.wo"))


def transformers_name(name):
    if name == "token_embedding.weight":
        return "shared.weight"
    if name == "norm.weight":
        return "encoder.final_layer_norm.weight"
    name = name.replace("blocks.", "encoder.block.", 1)
    for native, theirs in UMT5:
        name = name.replace("." + native, "." + theirs)
    return name


def write_text(source, folder):
    native, out = load(source), pathlib.Path(folder)
    out.mkdir()
    theirs = {transformers_name(k): v for k, v in native.items()}

    def is_linear(name, tensor):
        return (tensor.dim() == 2 and "embedding" not in name
                and "bias" not in name and name != "shared.weight")

    for form in ("plain_hf", "plain_native", "e5m2", "one", "row", "block"):
        tensors = native if form == "plain_native" else theirs
        everything = form == "plain_hf"
        stored, meant = quantised(
            tensors, form, (lambda *_: True) if everything else is_linear)
        if form == "one":
            stored["spiece_model"] = torch.zeros(99, dtype=torch.uint8)
        save_file(stored, out / f"{form}.safetensors")
        save_file(meant, out / f"{form}-fp32.safetensors")


def write_dit(source, folder):
    base, out = load(source), pathlib.Path(folder)
    linear = lambda name, tensor: (name.startswith("blocks.")
                                   and tensor.dim() == 2)

    def put(name, tensors, metadata=None):
        (out / name).mkdir(parents=True)
        shutil.copy(pathlib.Path(source) / "config.json", out / name)
        save_file(tensors, out / name / "model.safetensors", metadata)

    for form in ("plain", "e5m2", "one", "row", "block"):
        stored, meant = quantised(base, form, linear)
        put(form, stored)
        put(form + "-fp32", meant)
    put("prefix", {"model._orig_mod." + k: v for k, v in base.items()})
    put("prefix-fp32", base)
    stored, _ = quantised(base, "one", linear)
    weight = "blocks.0.ffn.0.weight"
    rest = {k: v for k, v in base.items() if k != weight}
    size = base[weight].numel()
    put("bad-nf4", {**rest, weight: torch.zeros(size // 2, 1,
                                                dtype=torch.uint8),
                    weight + ".absmax": torch.ones(size // 64)})
    put("bad-int8", {**rest, weight: base[weight].to(torch.int8),
                     "blocks.0.ffn.0.weight_scale": torch.ones(())})
    put("bad-nvfp4", {**stored,
                      "blocks.0.ffn.0.weight_scale_2": torch.ones(())})
    put("bad-two_levels", {**stored, "blocks.0.ffn.0.scale_weight_tensor":
                           torch.ones(())})
    put("bad-lost_scale", {k: v for k, v in stored.items()
                           if k != "blocks.0.ffn.0.scale_weight"})
    put("bad-words", stored, {"_quantization_metadata": json.dumps(
        {"layers": {"blocks.0.ffn.0": {"format": "mxfp8"}}})})
    put("bad-config", base)
    config = json.loads((out / "bad-config/config.json").read_text())
    config["quantization_config"] = {"quant_method": "torchao"}
    (out / "bad-config/config.json").write_text(json.dumps(config))


def equal(left, right):
    a, b = (load_file(pathlib.Path(p) / "lora.diffsynth.safetensors")
            for p in (left, right))
    if a.keys() != b.keys() or not all(torch.equal(a[k], b[k]) for k in a):
        sys.exit(f"{left} and {right} trained different LoRAs")
    if not any(v.any() for k, v in a.items() if "lora_B" in k):
        sys.exit(f"{left} has trained nothing")


if __name__ == "__main__":
    logging.disable()
    {"lora": write_loras, "text": write_text, "dit": write_dit, "same": same,
     "merged": merged, "equal": equal}[sys.argv[1]](*sys.argv[2:])
