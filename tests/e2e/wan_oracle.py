"""diffusers' Wan model over a checkpoint with the original names, and the names
of its layers: what the tests compare with. Needs scripts/setup --oracles."""

import json

import torch
from diffusers import WanTransformer3DModel
from diffusers.loaders.single_file_utils import (
    convert_wan_transformer_to_diffusers)
from safetensors.torch import load_file


def load_tensors(folder):
    """All tensors of a sharded checkpoint, under the names it has."""
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors.update(load_file(path))
    return tensors


def load_model(folder):
    """The model in a folder, its sizes read from config.json and the shapes."""
    native = load_tensors(folder)
    config = json.loads((folder / "config.json").read_text())
    dim, in_channels, *patch = native["patch_embedding.weight"].shape
    assert dim == config["num_attention_heads"] * config["attention_head_dim"]
    model = WanTransformer3DModel(
        **config, patch_size=tuple(patch), in_channels=in_channels,
        out_channels=native["head.head.weight"].shape[0] // (
            patch[0] * patch[1] * patch[2]),
        text_dim=native["text_embedding.0.weight"].shape[1],
        freq_dim=native["time_embedding.0.weight"].shape[1],
        ffn_dim=native["blocks.0.ffn.0.weight"].shape[0],
        num_layers=1 + max(int(name.split(".")[1]) for name in native
                           if name.startswith("blocks.")),
        cross_attn_norm=True, qk_norm="rms_norm_across_heads", eps=1e-6)
    model.load_state_dict(convert_wan_transformer_to_diffusers(native),
                          strict=True)
    return model.requires_grad_(False)


def diffusers_name(module):
    """blocks.0.self_attn.q -> blocks.0.attn1.to_q."""
    converted = convert_wan_transformer_to_diffusers({f"{module}.weight": None})
    return next(iter(converted)).removesuffix(".weight")


def predict(model, inputs):
    """The prediction for {latents, timestep, context[, y]}, in float32."""
    x = inputs["latents"]
    if "y" in inputs:
        x = torch.cat([x, inputs["y"].float()], dim=1)
    return model(hidden_states=x, timestep=inputs["timestep"],
                 encoder_hidden_states=inputs["context"].float(),
                 return_dict=False)[0]
