#!/usr/bin/env python3
"""Checks `halfpipe convert` against torch and safetensors.

  convert_oracle.py same A B          two LoRA files mean the same update
  convert_oracle.py merged DIT LORA STRENGTH MERGED

`merged`: every tensor of MERGED is DIT's, but those that LORA names are
weight + STRENGTH * alpha / rank * B A, computed in float64 here and rounded to
the base's dtype; float32 sums may round the other way where the exact value
lies between two, so a value may be off by one unit in the last place, and few
of them. Exits with 1 and a line for what is wrong.
"""

import pathlib
import re
import sys

import torch
from safetensors import safe_open
from safetensors.torch import load_file

PREFIXES = ("base_model.model.", "diffusion_model.", "transformer.")
DIFFUSERS = (("attn1.to_out.0", "self_attn.o"), ("attn1.to_", "self_attn."),
             ("attn2.to_out.0", "cross_attn.o"), ("attn2.to_", "cross_attn."),
             ("ffn.net.0.proj", "ffn.0"), ("ffn.net.2", "ffn.2"))


def native(module):
    """The original name of a module, from any format's."""
    for prefix in PREFIXES:
        module = module.removeprefix(prefix)
    if module.startswith("lora_unet_"):
        module = module.removeprefix("lora_unet_")
        module = re.sub(r"^blocks_(\d+)_", r"blocks.\1.", module)
        module = re.sub(r"(self_attn|cross_attn|ffn)_", r"\1.", module)
    for theirs, ours in DIFFUSERS:
        module = module.replace(theirs, ours)
    return module


def updates(path):
    """{module: alpha / rank * B A} in float64; every key must be used."""
    tensors, result = load_file(path), {}
    for key in [k for k in tensors if re.search(r"lora_(A|down)\.", k)]:
        stem = re.split(r"\.lora_(?:A|down)\.", key)[0]
        a = tensors.pop(key).double()
        up = key.replace("lora_A", "lora_B").replace("lora_down", "lora_up")
        b = tensors.pop(up).double()
        alpha = tensors.pop(stem + ".alpha", torch.tensor(a.shape[0])).double()
        result[native(stem)] = alpha / a.shape[0] * (b @ a)
    if tensors:
        sys.exit(f"{path}: unused keys {sorted(tensors)[:5]}")
    return result


def same(left, right):
    a, b = updates(left), updates(right)
    if a.keys() != b.keys():
        sys.exit(f"other modules: {sorted(a.keys() ^ b.keys())[:5]}")
    for name, update in a.items():
        # alpha / rank is a power of two here: no rounding at all.
        if not torch.equal(update, b[name]):
            sys.exit(f"{right}: {name} differs")


def open_all(path):
    """{name: tensor} of a file or of a folder's files."""
    path = pathlib.Path(path)
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    tensors = {}
    for file in files:
        with safe_open(file, "pt") as opened:
            for key in opened.keys():
                if key in tensors:
                    sys.exit(f"{key} is in two files")
                tensors[key] = opened.get_tensor(key)
    return tensors


def merged(dit, lora, strength, result):
    base, after, changes = open_all(dit), open_all(result), updates(lora)
    if base.keys() != after.keys():
        sys.exit(f"other tensors: {sorted(base.keys() ^ after.keys())[:5]}")
    used, off, total = set(), 0, 0
    for name, before in base.items():
        got = after[name]
        if got.dtype != before.dtype or got.shape != before.shape:
            sys.exit(f"{name}: {got.dtype} {tuple(got.shape)}")
        module = native(name.removesuffix(".weight"))
        if not name.endswith(".weight") or module not in changes:
            if not torch.equal(before, got):
                sys.exit(f"{name} changed")
            continue
        used.add(module)
        wanted = (before.double() + strength * changes[module]).to(before.dtype)
        differs = wanted != got
        off, total = off + int(differs.sum()), total + got.numel()
        # A unit in the last place of the value, and of float32's sums, whose
        # terms may be larger than what is left of them.
        terms = before.double().abs() + strength * changes[module].abs().max()
        bound = (wanted.double().abs() * torch.finfo(before.dtype).eps
                 + terms * 8 * torch.finfo(torch.float32).eps)
        if ((wanted.double() - got.double()).abs() > bound).any():
            sys.exit(f"{name}: not the merged weight")
    if used != changes.keys():
        sys.exit(f"not merged: {sorted(changes.keys() - used)[:5]}")
    # float32 bases round everywhere differently from float64's sums.
    share = off / max(total, 1)
    if before.dtype != torch.float32 and share > 0.01:
        sys.exit(f"{share:.2%} of the values are off by a unit")
    print(f"{len(used)} modules merged, {share:.4%} of {total} values round "
          "the other way")


if __name__ == "__main__":
    if sys.argv[1] == "same":
        same(*sys.argv[2:])
    else:
        merged(sys.argv[2], sys.argv[3], float(sys.argv[4]), sys.argv[5])
