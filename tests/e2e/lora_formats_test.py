#!/usr/bin/env python3
"""Loads a job's LoRA files the way the programs do that they are made for.

  lora_formats_test.py DIT OUTPUT

DIT is the base model's folder (original names), OUTPUT a job's output folder
with lora.{diffsynth,comfyui,diffusers}.safetensors.

  diffsynth  into peft layers with the original names, as DiffSynth trains them
  comfyui    by ComfyUI's rule: each key belongs to a weight of the model
  diffusers  by load_lora_adapter; ComfyUI's by the pipeline's loader as well

Every way must change the base weights in the same way, and diffusers' model
must then predict what it predicts with the change merged into its weights.
Exits with 1 and one line for each thing that is wrong.
"""

import pathlib
import sys

import torch
from diffusers import WanPipeline
from diffusers.loaders.single_file_utils import (
    convert_wan_transformer_to_diffusers)
from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file

import wan_oracle

# The files' tensors are bf16 (2^-9): alpha / rank is multiplied before rounding
# in one format, after it in another, in bf16 by diffusers' translation.
FORMAT_TOLERANCE = 1e-2


def relative(a, b):
    return ((a - b).norm() / b.norm()).item()


# --- Changes of the base weights, by the native name of the weight -----------


def comfyui_deltas(path, base):
    """ComfyUI's loader: a key map from the model, then what the file has."""
    key_map = {f"diffusion_model.{name.removesuffix('.weight')}": name
               for name in base if name.endswith(".weight")}
    tensors, deltas = load_file(path), {}
    for prefix, name in key_map.items():
        if f"{prefix}.lora_A.weight" not in tensors:
            continue
        a = tensors.pop(f"{prefix}.lora_A.weight").float()
        b = tensors.pop(f"{prefix}.lora_B.weight").float()
        alpha = tensors.pop(f"{prefix}.alpha").item()
        deltas[name] = alpha / a.shape[0] * (b @ a)
        assert deltas[name].shape == base[name].shape, name
    if tensors:
        raise ValueError(f"ComfyUI would not load {sorted(tensors)}")
    return deltas


class Layers(torch.nn.Module):
    """The base model's linear layers, under their original names."""

    def __init__(self, base):
        super().__init__()
        for name, weight in base.items():
            if name.endswith(".weight") and weight.dim() == 2:
                self._add(name.removesuffix(".weight").split("."), weight)

    def _add(self, path, weight):
        parent = self
        for part in path[:-1]:
            if part not in parent._modules:
                parent.add_module(part, torch.nn.Module())
            parent = parent._modules[part]
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        linear.weight.data.copy_(weight)
        parent.add_module(path[-1], linear)


def diffsynth_deltas(path, base):
    """peft's own loading and merging. Its file names no adapter, DiffSynth's
    names `default`; alpha is part of B."""
    tensors = {f"base_model.model.{key.replace('.default', '')}": value.float()
               for key, value in load_file(path).items()}
    modules = {key.removeprefix("base_model.model.").split(".lora_")[0]
               for key in tensors}
    rank = next(v.shape[0] for k, v in tensors.items() if ".lora_A." in k)
    model = get_peft_model(
        Layers(base), LoraConfig(r=rank, lora_alpha=rank,
                                 target_modules=sorted(modules)))
    result = set_peft_model_state_dict(model, tensors)
    missing = [key for key in result.missing_keys if "lora_" in key]
    if result.unexpected_keys or missing:
        raise ValueError(f"peft: unexpected {result.unexpected_keys}, missing "
                         f"{missing}")
    merged = model.merge_and_unload().state_dict()
    return {f"{name}.weight":
            merged[f"{name}.weight"] - base[f"{name}.weight"]
            for name in modules}


# --- diffusers ---------------------------------------------------------------


def inputs_for(base):
    """Made-up inputs of the model's shapes."""
    random = torch.Generator().manual_seed(0)
    channels = base["head.head.weight"].shape[0] // 4
    given = base["patch_embedding.weight"].shape[1] - channels
    size = (2, 4, 6)
    inputs = {"latents": torch.randn(1, channels, *size, generator=random),
              "timestep": torch.tensor([700.5]),
              "context": torch.randn(
                  1, 9, base["text_embedding.0.weight"].shape[1],
                  generator=random)}
    if given:
        inputs["y"] = torch.randn(1, given, *size, generator=random)
    return inputs


def predict_merged(folder, base, deltas, inputs):
    changed = {name: weight + deltas.get(name, 0.0)
               for name, weight in base.items()}
    model = wan_oracle.load_model(folder)
    model.load_state_dict(convert_wan_transformer_to_diffusers(changed))
    return wan_oracle.predict(model, inputs)


def predict_loaded(folder, tensors, inputs):
    model = wan_oracle.load_model(folder)
    model.load_lora_adapter(tensors, prefix="transformer")
    loaded = sum("lora_" in name for name, _ in model.named_parameters())
    if loaded != len(tensors):
        raise ValueError(f"diffusers took {loaded} tensors of {len(tensors)}")
    return wan_oracle.predict(model, inputs)


@torch.no_grad()
def main():
    folder, output = (pathlib.Path(argument) for argument in sys.argv[1:3])
    torch.set_num_threads(1)
    base = wan_oracle.load_tensors(folder)
    file = {name: output / f"lora.{name}.safetensors"
            for name in ("diffsynth", "comfyui", "diffusers")}
    problems = []

    deltas = comfyui_deltas(file["comfyui"], base)
    others = diffsynth_deltas(file["diffsynth"], base)
    if set(deltas) != set(others) or not deltas:
        problems.append("diffsynth's and comfyui's files have other modules")
    for name in deltas.keys() & others.keys():
        if not relative(others[name], deltas[name]) < FORMAT_TOLERANCE:
            problems.append(f"diffsynth and comfyui differ in {name}")

    inputs = inputs_for(base)
    plain = wan_oracle.predict(wan_oracle.load_model(folder), inputs)
    effect = predict_merged(folder, base, deltas, inputs) - plain
    print(f"{len(deltas)} layers; the LoRA changes the prediction by "
          f"{(effect.norm() / plain.norm()).item():.3g}")
    if not relative(effect + plain, plain) > 1e-3:
        problems.append("the LoRA has no effect: nothing is compared")
    # WanPipeline.lora_state_dict translates ComfyUI's names and alphas.
    for name in ("comfyui", "diffusers"):
        tensors = WanPipeline.lora_state_dict(
            str(output), weight_name=file[name].name)
        if len(tensors) != 2 * len(deltas):
            problems.append(f"{name}: {len(tensors)} tensors for "
                            f"{len(deltas)} modules")
        error = relative(predict_loaded(folder, tensors, inputs) - plain,
                         effect)
        print(f"{name} by diffusers: off by {error:.2g} of the LoRA's effect")
        if not error < FORMAT_TOLERANCE:
            problems.append(f"{name}: diffusers predicts something else")

    for problem in problems:
        print(f"lora_formats_test: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
