#!/usr/bin/env python3
"""Makes the DiT golden files of this folder from two independent implementations.

  generate_dit.py --diffsynth DIR [--out DIR] [--large]

Needs torch, diffusers, peft, safetensors and einops, and for --diffsynth an
unpacked `diffsynth` wheel (2.1.12), of which only the DiT's modules are used.
Each case becomes <case>/model/ (tiny random weights, in the naming of the case)
and <case>/golden.safetensors (inputs, LoRA weights, prediction, loss, gradients).
--large adds cases that are too big to keep in the repository.

Made with torch 2.11.0, diffusers 0.42.1, peft 0.21.2, diffsynth 2.1.12, fp32, CPU.
"""
import argparse
import json
import math
import pathlib
import sys
import types

import torch
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import save_file

RANK, ALPHA = 3, 4.5
NATIVE_TARGETS = ["q", "k", "v", "o", "ffn.0", "ffn.2"]
DIFFUSERS_TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "ffn.net.0.proj", "ffn.net.2"]
# diffusers module path -> original path, longest first.
MODULE_MAP = [
    ("attn1.to_out.0", "self_attn.o"), ("attn2.to_out.0", "cross_attn.o"),
    ("attn1.to_", "self_attn."), ("attn2.to_", "cross_attn."),
    ("attn2.add_k_proj", "cross_attn.k_img"), ("attn2.add_v_proj", "cross_attn.v_img"),
    ("ffn.net.0.proj", "ffn.0"), ("ffn.net.2", "ffn.2"),
]


def randomise(model, generator):
    """Non-trivial values everywhere, with activations that stay near 1.

    All are representable in bf16, as published weights are: what a bf16 run is
    compared for is its arithmetic, not the rounding of its inputs.
    """
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if "modulation" in name or "scale_shift_table" in name or "pos" in name:
                p.copy_(0.4 * noise)
            elif p.dim() > 1:
                p.copy_(noise / math.sqrt(p[0].numel()))
            elif "norm" in name and name.endswith("weight") or name.endswith(("proj.0.weight", "proj.4.weight")):
                p.copy_(1.0 + 0.2 * noise)
            else:
                p.copy_(0.1 * noise)
            p.copy_(p.bfloat16())


def save_model(folder, state, config, shards, dtype):
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    state = {k: v.detach().to(dtype, copy=True).contiguous() for k, v in state.items()}
    if config:
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    if shards == 1:
        save_file(state, folder / "diffusion_pytorch_model.safetensors")
        return
    names, weight_map = sorted(state), {}
    for i in range(shards):
        file = f"diffusion_pytorch_model-{i + 1:05}-of-{shards:05}.safetensors"
        part = {k: state[k] for k in names[i::shards]}
        save_file(part, folder / file)
        weight_map.update({k: file for k in part})
    total = sum(v.numel() * v.element_size() for v in state.values())
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index) + "\n")


def native_key(name):
    """blocks.0.attn1.to_q.lora_A.default.weight -> blocks.0.self_attn.q...."""
    for theirs, native in MODULE_MAP:
        if theirs in name:
            return name.replace(theirs, native)
    return name


def run_case(folder, model, forward, inputs, targets, config, shards, first_frame, generator):
    randomise(model, generator)
    dtype = torch.float32 if folder.name == "t2v_native" else torch.bfloat16
    save_model(folder / "model", model.state_dict(), config, shards, dtype)
    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=targets, init_lora_weights=True)
    model = inject_adapter_in_model(lora, model)
    trained = {n: p for n, p in model.named_parameters() if "lora_" in n}
    for name, p in model.named_parameters():
        p.requires_grad_(name in trained)
    with torch.no_grad():
        for p in trained.values():
            p.copy_((0.3 * torch.randn(p.shape, generator=generator)).bfloat16())
    prediction = forward(model, inputs)
    target = torch.randn(prediction.shape, generator=generator)
    loss = torch.nn.functional.mse_loss(prediction.float(), target)
    loss.backward()
    golden = {f"in.{k}": v for k, v in inputs.items()}
    golden["in.target"] = target
    golden["out.prediction"], golden["out.loss"] = prediction.detach(), loss.detach()
    for name, p in trained.items():
        golden[f"lora.{native_key(name)}"] = p.detach()
        golden[f"grad.{native_key(name)}"] = p.grad
    metadata = {"rank": str(RANK), "alpha": str(ALPHA)}
    if first_frame:
        metadata["first_frame_given"] = "true"
    golden = {k: v.contiguous().clone() for k, v in golden.items()}
    save_file(golden, folder / "golden.safetensors", metadata=metadata)
    print(f"{folder.name}: loss {loss.item():.6f}, {len(trained)} LoRA tensors")


def make_inputs(generator, channels, y=0, text_tokens=7, text_dim=8, image=None, size=(3, 4, 6), batch=2):
    f, h, w = size
    inputs = {
        "latents": torch.randn(batch, channels, f, h, w, generator=generator),
        "timestep": torch.tensor([876.25, 123.4375, 500.5])[:batch].clone(),
        "context": torch.randn(batch, text_tokens, text_dim, generator=generator),
    }
    if y:
        inputs["y"] = torch.randn(batch, y, f, h, w, generator=generator)
    if image:
        inputs["clip_feature"] = torch.randn(batch, *image, generator=generator)
    return inputs


# --- diffusers ---------------------------------------------------------------


def diffusers_model(heads, width, channels_in, channels_out, **extra):
    from diffusers import WanTransformer3DModel

    config = dict(patch_size=(1, 2, 2), num_attention_heads=heads, attention_head_dim=width,
                  in_channels=channels_in, out_channels=channels_out, text_dim=8, freq_dim=16, ffn_dim=28,
                  num_layers=3, cross_attn_norm=True, qk_norm="rms_norm_across_heads", eps=1e-6,
                  rope_max_seq_len=32)
    config.update(extra)
    return WanTransformer3DModel(**config), dict(config, _class_name="WanTransformer3DModel")


def diffusers_forward(model, inputs, first_frame=False):
    x, t = inputs["latents"], inputs["timestep"]
    if first_frame:
        tokens = x.shape[3] * x.shape[4] // 4
        t = t[:, None].repeat(1, tokens * x.shape[2])
        t[:, :tokens] = 0
    if "y" in inputs:
        x = torch.cat([x, inputs["y"]], dim=1)
    image = inputs.get("clip_feature")
    if image is not None and image.shape[1] == 514:  # it takes the two images stacked in the batch
        image = image.reshape(-1, 257, image.shape[2])
    return model(hidden_states=x, timestep=t, encoder_hidden_states=inputs["context"],
                 encoder_hidden_states_image=image, return_dict=False)[0]


def diffusers_cases(out):
    def case(name, seed, heads, width, channels_in, channels_out, targets=DIFFUSERS_TARGETS, shards=1,
             first_frame=False, model_extra=None, **inputs):
        generator = torch.Generator().manual_seed(seed)
        model, config = diffusers_model(heads, width, channels_in, channels_out, **(model_extra or {}))
        made = make_inputs(generator, channels_out, y=channels_in - channels_out, **inputs)
        run_case(out / name, model, lambda m, i: diffusers_forward(m, i, first_frame), made, targets, config,
                 shards, first_frame, generator)

    case("t2v_diffusers", 1, 2, 12, 4, 4, size=(3, 6, 10))
    case("i2v_a14b_diffusers", 2, 2, 12, 36, 16, shards=2)
    case("ti2v_5b_first_frame", 3, 1, 12, 48, 48, first_frame=True, size=(2, 4, 6))
    image = dict(image_dim=12, added_kv_proj_dim=12)
    case("wan21_i2v_clip", 4, 1, 12, 36, 16, targets=DIFFUSERS_TARGETS + ["add_k_proj", "add_v_proj"],
         model_extra=image, text_tokens=512, image=(257, 12), size=(1, 4, 6))


def large_diffusers_cases(out):
    generator = torch.Generator().manual_seed(11)
    model, config = diffusers_model(2, 12, 36, 16, image_dim=1280, added_kv_proj_dim=24, pos_embed_seq_len=514)
    made = make_inputs(generator, 16, y=20, text_tokens=512, image=(514, 1280))
    run_case(out / "wan21_flf2v", model, diffusers_forward, made, DIFFUSERS_TARGETS, config, 1, False, generator)


# --- DiffSynth ---------------------------------------------------------------


def import_diffsynth(folder):
    """The DiT module alone, without the package's __init__ and all that it imports."""
    root = pathlib.Path(folder) / "diffsynth"
    for name in ["diffsynth", "diffsynth.models", "diffsynth.core"]:
        package = types.ModuleType(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    from diffsynth.models.wan_video_dit import WanModel, sinusoidal_embedding_1d

    return WanModel, sinusoidal_embedding_1d


def diffsynth_forward(model, inputs, sinusoid, first_frame=False):
    """The order of calls of its training function, without pipeline and options."""
    x, t = inputs["latents"], inputs["timestep"]
    f, h, w = x.shape[2], x.shape[3] // 2, x.shape[4] // 2
    if first_frame:
        frames = t[:, None].repeat(1, f * h * w)
        frames[:, :h * w] = 0
        embedding = sinusoid(model.freq_dim, frames.flatten()).reshape(*frames.shape, -1)
        t = model.time_embedding(embedding)
        t_mod = model.time_projection(t).unflatten(2, (6, model.dim))
    else:
        t = model.time_embedding(sinusoid(model.freq_dim, t))
        t_mod = model.time_projection(t).unflatten(1, (6, model.dim))
    context = model.text_embedding(inputs["context"])
    if "y" in inputs:
        x = torch.cat([x, inputs["y"]], dim=1)
    if "clip_feature" in inputs:
        context = torch.cat([model.img_emb(inputs["clip_feature"]), context], dim=1)
    x = model.patchify(x).flatten(2).transpose(1, 2)
    freqs = torch.cat([model.freqs[0][:f].view(f, 1, 1, -1).expand(f, h, w, -1),
                       model.freqs[1][:h].view(1, h, 1, -1).expand(f, h, w, -1),
                       model.freqs[2][:w].view(1, 1, w, -1).expand(f, h, w, -1)], dim=-1)
    freqs = freqs.reshape(f * h * w, 1, -1)
    for block in model.blocks:
        x = block(x, context, t_mod, freqs)
    return model.unpatchify(model.head(x, t), (f, h, w))


def diffsynth_cases(out, folder, large):
    wan_model, sinusoid = import_diffsynth(folder)

    def case(name, seed, heads, width, channels_in, channels_out, shards=1, targets=NATIVE_TARGETS,
             has_image=False, first_frame=False, **inputs):
        generator = torch.Generator().manual_seed(seed)
        model = wan_model(dim=heads * width, in_dim=channels_in, ffn_dim=28, out_dim=channels_out, text_dim=8,
                          freq_dim=16, eps=1e-6, patch_size=(1, 2, 2), num_heads=heads, num_layers=3,
                          has_image_input=has_image, seperated_timestep=first_frame)
        config = {"num_attention_heads": heads, "attention_head_dim": width}
        made = make_inputs(generator, channels_out, y=channels_in - channels_out, **inputs)
        run_case(out / name, model, lambda m, i: diffsynth_forward(m, i, sinusoid, first_frame), made, targets,
                 config, shards, first_frame, generator)

    case("t2v_native", 5, 1, 24, 4, 4, size=(2, 6, 10))
    case("i2v_a14b_native", 6, 2, 12, 36, 16, shards=2)
    if large:
        case("wan21_i2v_clip_native", 7, 2, 12, 36, 16, has_image=True, text_tokens=20, image=(257, 1280))
        case("ti2v_5b_first_frame_native", 8, 2, 24, 48, 48, first_frame=True, size=(2, 4, 6))
        case("t2v_native_wide", 9, 4, 24, 16, 16, size=(5, 10, 14), batch=3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--diffsynth", help="folder with the unpacked diffsynth wheel")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    parser.add_argument("--large", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    diffusers_cases(arguments.out)
    if arguments.large:
        large_diffusers_cases(arguments.out)
    if arguments.diffsynth:
        diffsynth_cases(arguments.out, arguments.diffsynth, arguments.large)


if __name__ == "__main__":
    main()
