#!/usr/bin/env python3
"""Makes the goldens of the text encoder in 8 bits, after generate_encoders.py.

Needs what that needs; run it in this folder. The oracle is transformers with
the weights that torch makes of the stored numbers.
"""

import torch
from safetensors.torch import load_file, save_file
from transformers import UMT5Config, UMT5EncoderModel

from generate_encoders import OUT, published_umt5


def fp8_state(state, form):
    """`state` as repackagers store it in 8 bits, and what that means in fp32."""
    stored, meant = {}, {}
    for name, tensor in state.items():
        linear = tensor.dim() == 2 and "norm" not in name and (
            "SelfAttention." in name or "Dense" in name) and "bias" not in name
        if not linear and form != "e5m2":
            stored[name] = tensor.half()
            meant[name] = stored[name].float()
            continue
        dtype = torch.float8_e5m2 if form == "e5m2" else torch.float8_e4m3fn
        weight = tensor.float()
        scale = torch.ones(())
        if form == "one":
            scale = weight.abs().max() / 448
        if form == "row":
            scale = weight.abs().amax(1, keepdim=True) / 448
        if form == "block":
            weight = weight.view(weight.shape[0], -1, 8)
            scale = weight.abs().amax(2, keepdim=True) / 448
        values = (weight / scale).to(dtype)
        stored[name] = values.view(tensor.shape)
        meant[name] = (values.float() * scale).view(tensor.shape)
        base = name.removesuffix("weight")
        if form == "one":
            stored[base + "scale_weight"] = scale.view(1)
            stored[base + "scale_input"] = torch.ones(1)
        if form == "row":
            stored[base + "weight_scale"] = scale
            stored[base + "comfy_quant"] = torch.tensor(
                list(b'{"format": "float8_e4m3fn"}'), dtype=torch.uint8)
        if form == "block":
            stored[base + "scale_weight"] = scale
    if form == "one":
        stored["scaled_fp8"] = torch.empty(0, dtype=torch.float8_e4m3fn)
        stored["spiece_model"] = torch.zeros(9, dtype=torch.uint8)
    return stored, meant


def make_umt5_fp8():
    """The encoder of umt5_transformers.safetensors in forms of 8 bits."""
    config = UMT5Config(vocab_size=64, d_model=32, num_heads=4, d_kv=8,
                        d_ff=40, num_layers=3,
                        feed_forward_proj="gated-gelu")
    state = load_file(OUT / "umt5_transformers.safetensors")
    ids = load_file(OUT / "umt5_expected.safetensors")["14.ids"].long()[None]
    golden = {}
    for form in ("plain", "e5m2", "one", "row", "block"):
        stored, meant = fp8_state(state, form)
        model = UMT5EncoderModel(config).eval()
        model.load_state_dict(
            {**meant, "encoder.embed_tokens.weight": meant["shared.weight"]})
        with torch.no_grad():
            golden[form] = model(input_ids=ids).last_hidden_state[0].clone()
        golden[f"{form}.weight"] = meant[
            "encoder.block.1.layer.1.DenseReluDense.wi_0.weight"].clone()
        if form == "plain":
            stored = published_umt5(stored, config.num_layers)
        save_file(dict(stored), OUT / f"umt5_fp8_{form}.safetensors")
    save_file(golden, OUT / "umt5_fp8_expected.safetensors")


if __name__ == "__main__":
    make_umt5_fp8()
