#!/usr/bin/env python3
"""The demo's model has the published names and shapes: diffusers and
transformers load it strictly after renaming. Needs scripts/setup --oracles."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import diffusers
import safetensors.torch
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]

# (pattern, replacement): original names to diffusers' and transformers'.
DIT_NAMES = [
    (r"^(text)_embedding\.0", r"condition_embedder.\1_embedder.linear_1"),
    (r"^(text)_embedding\.2", r"condition_embedder.\1_embedder.linear_2"),
    (r"^(time)_embedding\.0", r"condition_embedder.\1_embedder.linear_1"),
    (r"^(time)_embedding\.2", r"condition_embedder.\1_embedder.linear_2"),
    (r"^time_projection\.1", "condition_embedder.time_proj"),
    (r"^head\.head", "proj_out"),
    (r"^head\.modulation", "scale_shift_table"),
    (r"\.modulation$", ".scale_shift_table"),
    (r"\.norm3\.", ".norm2."),
    (r"self_attn\.", "attn1."),
    (r"cross_attn\.", "attn2."),
    (r"(attn\d)\.([qkv])\.", r"\1.to_\2."),
    (r"(attn\d)\.o\.", r"\1.to_out.0."),
    (r"ffn\.0", "ffn.net.0.proj"),
    (r"ffn\.2", "ffn.net.2"),
]
TEXT_NAMES = [
    (r"^token_embedding", "shared"),
    (r"^norm\.", "encoder.final_layer_norm."),
    (r"^blocks\.", "encoder.block."),
    (r"\.norm1\.", ".layer.0.layer_norm."),
    (r"\.norm2\.", ".layer.1.layer_norm."),
    (r"\.attn\.", ".layer.0.SelfAttention."),
    (r"\.pos_embedding\.embedding",
     ".layer.0.SelfAttention.relative_attention_bias"),
    (r"\.ffn\.gate\.0", ".layer.1.DenseReluDense.wi_0"),
    (r"\.ffn\.fc1", ".layer.1.DenseReluDense.wi_1"),
    (r"\.ffn\.fc2", ".layer.1.DenseReluDense.wo"),
]
VAE_NAMES = [
    (r"^conv1\.", "quant_conv."),
    (r"encoder\.conv1", "encoder.conv_in"),
    (r"downsamples", "down_blocks"),
    (r"middle\.0", "mid_block.resnets.0"),
    (r"middle\.1", "mid_block.attentions.0"),
    (r"middle\.2", "mid_block.resnets.1"),
    (r"residual\.0", "norm1"),
    (r"residual\.2", "conv1"),
    (r"residual\.3", "norm2"),
    (r"residual\.6", "conv2"),
    (r"shortcut", "conv_shortcut"),
    (r"head\.0", "norm_out"),
    (r"head\.2", "conv_out"),
]


def load(paths, names):
    tensors = {}
    for path in paths:
        for name, tensor in safetensors.torch.load_file(path).items():
            for pattern, replacement in names:
                name = re.sub(pattern, replacement, name)
            tensors[name] = tensor
    return tensors


class MakeTinyModelTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.model = pathlib.Path(cls.folder.name)
        subprocess.run([sys.executable, ROOT / "scripts/make_tiny_model.py",
                        cls.model], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_dit(self):
        folder = self.model / "high_noise_model"
        shards = sorted(folder.glob("*.safetensors"))
        self.assertEqual(len(shards), 2)
        index = json.loads(next(folder.glob("*.index.json")).read_text())
        for name, shard in index["weight_map"].items():
            self.assertIn(name, safetensors.torch.load_file(folder / shard))
        tensors = load(shards, DIT_NAMES)
        config = json.loads((folder / "config.json").read_text())
        dit = diffusers.WanTransformer3DModel(
            **config, in_channels=16, out_channels=16, text_dim=32, freq_dim=256,
            ffn_dim=192, num_layers=4, cross_attn_norm=True,
            qk_norm="rms_norm_across_heads")
        dit.load_state_dict(tensors, strict=True)

    def test_text_encoder(self):
        path = self.model / "models_t5_umt5.safetensors"
        tensors = load([path], TEXT_NAMES)
        tensors["encoder.embed_tokens.weight"] = tensors["shared.weight"]
        encoder = transformers.UMT5EncoderModel(transformers.UMT5Config(
            vocab_size=tensors["shared.weight"].shape[0], d_model=32, d_kv=8,
            num_heads=4, d_ff=64, num_layers=2,
            feed_forward_proj="gated-gelu"))
        encoder.load_state_dict(tensors, strict=True)

    def test_vae_encodes_to_varied_latents(self):
        path = self.model / "Wan2.1_VAE.safetensors"
        vae = diffusers.AutoencoderKLWan(base_dim=8, z_dim=16)
        result = vae.load_state_dict(load([path], VAE_NAMES), strict=False)
        self.assertEqual(result.unexpected_keys, [])
        # The file is the encoder half: nothing else may be missing.
        self.assertEqual({name.split(".")[0] for name in result.missing_keys},
                         {"decoder", "post_quant_conv"})
        video = torch.rand(1, 3, 5, 32, 32,
                           generator=torch.manual_seed(0)) * 2 - 1
        with torch.no_grad():
            latents = vae.encode(video).latent_dist.mean
        self.assertEqual(tuple(latents.shape), (1, 16, 2, 4, 4))
        self.assertGreater(latents.std().item(), 0.1)


if __name__ == "__main__":
    unittest.main()
