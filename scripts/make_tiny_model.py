#!/usr/bin/env python3
"""Writes a small, random Wan 2.2 model in the layout of the published one.

Usage: make_tiny_model.py OUT [--seed N] [--captions FILE] [--i2v]

  OUT/high_noise_model/       the DiT: two shards, an index, a config.json (heads)
  OUT/models_t5_umt5.safetensors   the UMT5 text encoder
  OUT/Wan2.1_VAE.safetensors       the encoder half of the VAE
  OUT/google/umt5-xxl/spiece.model the tokenizer (made by spm_train)

It is T2V-A14B's form; with --i2v it is I2V-A14B's, whose input has 20 channels
more: a mask of 4 and the latents of the first frame.

Names, shapes and layout are those of the published files, only the sizes are
small: a run on a CPU takes a minute. The weights are random, so what it learns
is worth nothing; that it learns, and that every part of the path works, is what
the demo shows. Needs numpy and sentencepiece's spm_train, no torch.
"""

import argparse
import json
import pathlib
import subprocess

import numpy as np

# The DiT. Heads of 24 keep the three-way split of the rotary embedding whole.
DIM, HEADS, FFN, LAYERS = 96, 4, 192, 4
LATENT_CHANNELS, PATCH, FREQ_DIM = 16, (1, 2, 2), 256
CONDITION_CHANNELS = 4 + LATENT_CHANNELS  # of I2V
# The text encoder; its width is what the DiT's text embedding reads.
TEXT_DIM, TEXT_HEADS, TEXT_FFN, TEXT_LAYERS = 32, 4, 64, 2
POSITION_BUCKETS = 32
# The VAE: channels of each stage are BASE times these; True: halves the time.
VAE_BASE, VAE_MULTIPLIERS = 8, (1, 2, 4, 4)
VAE_TEMPORAL = (False, True, True)


class Weights:
    """Named float32 arrays, drawn from one stream."""

    def __init__(self, seed):
        self.tensors = {}
        self._random = np.random.default_rng(seed)

    def add(self, name, shape, scale, offset=0.0):
        values = self._random.standard_normal(shape) * scale + offset
        self.tensors[name] = values.astype(np.float32)

    def layer(self, name, out_dim, *in_shape, gain=1.0, bias=True):
        """A linear layer or convolution whose output has about unit variance."""
        self.add(f"{name}.weight", (out_dim, *in_shape),
                 gain / np.sqrt(np.prod(in_shape)))
        if bias:
            self.add(f"{name}.bias", (out_dim,), 0.02)


def make_dit(seed, i2v):
    w = Weights(seed)
    patch_values = LATENT_CHANNELS * int(np.prod(PATCH))
    w.layer("patch_embedding", DIM,
            LATENT_CHANNELS + (CONDITION_CHANNELS if i2v else 0), *PATCH)
    w.layer("text_embedding.0", DIM, TEXT_DIM)
    w.layer("text_embedding.2", DIM, DIM)
    w.layer("time_embedding.0", DIM, FREQ_DIM)
    w.layer("time_embedding.2", DIM, DIM)
    w.layer("time_projection.1", 6 * DIM, DIM, gain=0.1)
    for i in range(LAYERS):
        block = f"blocks.{i}"
        w.add(f"{block}.modulation", (1, 6, DIM), 0.1)
        # The gates (rows 2 and 5) open both residual branches, so that LoRA
        # weights inside them can change the prediction at once.
        w.tensors[f"{block}.modulation"][:, [2, 5]] += 1.0
        for attention in ("self_attn", "cross_attn"):
            for linear in "qkvo":
                w.layer(f"{block}.{attention}.{linear}", DIM, DIM)
            for norm in ("norm_q", "norm_k"):
                w.add(f"{block}.{attention}.{norm}.weight", (DIM,), 0.05, 1.0)
        w.add(f"{block}.norm3.weight", (DIM,), 0.05, 1.0)
        w.add(f"{block}.norm3.bias", (DIM,), 0.02)
        w.layer(f"{block}.ffn.0", FFN, DIM)
        w.layer(f"{block}.ffn.2", DIM, FFN)
    w.add("head.modulation", (1, 2, DIM), 0.1)
    w.layer("head.head", patch_values, DIM)
    return w.tensors


def make_text_encoder(seed, vocabulary):
    w = Weights(seed)
    w.add("token_embedding.weight", (vocabulary, TEXT_DIM), 1.0)
    for i in range(TEXT_LAYERS):
        block = f"blocks.{i}"
        for norm in ("norm1", "norm2"):
            w.add(f"{block}.{norm}.weight", (TEXT_DIM,), 0.05, 1.0)
        for linear in "qkvo":
            w.layer(f"{block}.attn.{linear}", TEXT_DIM, TEXT_DIM, bias=False)
        w.add(f"{block}.pos_embedding.embedding.weight",
              (POSITION_BUCKETS, TEXT_HEADS), 0.5)
        w.layer(f"{block}.ffn.gate.0", TEXT_FFN, TEXT_DIM, bias=False)
        w.layer(f"{block}.ffn.fc1", TEXT_FFN, TEXT_DIM, bias=False)
        w.layer(f"{block}.ffn.fc2", TEXT_DIM, TEXT_FFN, bias=False)
    w.add("norm.weight", (TEXT_DIM,), 0.05, 1.0)
    return w.tensors


def add_residual(w, name, channels_in, channels_out):
    w.add(f"{name}.residual.0.gamma", (channels_in, 1, 1, 1), 0.05, 1.0)
    w.layer(f"{name}.residual.2", channels_out, channels_in, 3, 3, 3)
    w.add(f"{name}.residual.3.gamma", (channels_out, 1, 1, 1), 0.05, 1.0)
    w.layer(f"{name}.residual.6", channels_out, channels_out, 3, 3, 3)
    if channels_in != channels_out:
        w.layer(f"{name}.shortcut", channels_out, channels_in, 1, 1, 1)


def make_vae_encoder(seed):
    w = Weights(seed)
    channels = [VAE_BASE * m for m in VAE_MULTIPLIERS]
    current, index = channels[0], 0
    w.layer("encoder.conv1", current, 3, 3, 3, 3)
    for stage, width in enumerate(channels):
        for _ in range(2):
            add_residual(w, f"encoder.downsamples.{index}", current, width)
            current, index = width, index + 1
        if stage < len(VAE_TEMPORAL):
            name = f"encoder.downsamples.{index}"
            w.layer(f"{name}.resample.1", width, width, 3, 3)
            if VAE_TEMPORAL[stage]:
                w.layer(f"{name}.time_conv", width, width, 3, 1, 1)
            index += 1
    add_residual(w, "encoder.middle.0", current, current)
    w.add("encoder.middle.1.norm.gamma", (current, 1, 1), 0.05, 1.0)
    w.layer("encoder.middle.1.to_qkv", 3 * current, current, 1, 1)
    w.layer("encoder.middle.1.proj", current, current, 1, 1)
    add_residual(w, "encoder.middle.2", current, current)
    w.add("encoder.head.0.gamma", (current, 1, 1, 1), 0.05, 1.0)
    w.layer("encoder.head.2", 2 * LATENT_CHANNELS, current, 3, 3, 3)
    w.layer("conv1", 2 * LATENT_CHANNELS, 2 * LATENT_CHANNELS, 1, 1, 1)
    return w.tensors


def write_safetensors(path, tensors):
    """The format: u64 header length, JSON header, the bytes one after another."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(values.shape),
                        "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for values in tensors.values():
            file.write(values.tobytes())


def write_sharded(folder, tensors, shards=2):
    """As published: diffusion_pytorch_model-0000X-of-0000Y with an index."""
    names = list(tensors)
    per_shard = -(-len(names) // shards)
    index = {}
    for shard in range(shards):
        file = f"diffusion_pytorch_model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = names[shard * per_shard:(shard + 1) * per_shard]
        write_safetensors(folder / file, {name: tensors[name] for name in part})
        index.update(dict.fromkeys(part, file))
    total = sum(values.nbytes for values in tensors.values())
    (folder / "diffusion_pytorch_model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": index},
                   indent=1) + "\n")
    (folder / "config.json").write_text(
        json.dumps({"num_attention_heads": HEADS,
                    "attention_head_dim": DIM // HEADS}, indent=1) + "\n")


def make_tokenizer(folder, captions):
    """Trains a unigram model with UMT5's special ids; returns its size."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(captions) + "\n" + __doc__)
    # Relative paths: the model holds them, and must not depend on the folder.
    subprocess.run(
        ["spm_train", f"--input={corpus.name}", "--model_prefix=spiece",
         "--model_type=unigram", "--vocab_size=400", "--hard_vocab_limit=false",
         "--byte_fallback=true", "--pad_id=0", "--eos_id=1", "--bos_id=2",
         "--unk_id=3", "--minloglevel=2"], check=True, cwd=folder)
    pieces = (folder / "spiece.vocab").read_text().splitlines()
    corpus.unlink()
    (folder / "spiece.vocab").unlink()
    return len(pieces)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--captions", type=pathlib.Path,
                        help="one a line; the tokenizer learns their words")
    parser.add_argument("--i2v", action="store_true",
                        help="an image-to-video model, conditioned on a frame")
    arguments = parser.parse_args()
    captions = (arguments.captions.read_text().splitlines()
                if arguments.captions else [])

    out = arguments.out
    pieces = make_tokenizer(out / "google/umt5-xxl", captions)
    # The published table is larger than the tokenizer too.
    vocabulary = -(-(pieces + 1) // 64) * 64
    write_sharded(out / "high_noise_model",
                  make_dit(arguments.seed, arguments.i2v))
    write_safetensors(out / "models_t5_umt5.safetensors",
                      make_text_encoder(arguments.seed + 1, vocabulary))
    write_safetensors(out / "Wan2.1_VAE.safetensors",
                      make_vae_encoder(arguments.seed + 2))


if __name__ == "__main__":
    main()
