#!/usr/bin/env python3
"""Makes the goldens of the encoder tests from independent implementations.

Needs torch, safetensors, diffusers, transformers, ftfy, sentencepiece and
protobuf. Run it in this folder: python3 generate_encoders.py. What it writes
into goldens/ is committed; `versions.txt` says what made it. Then
generate_umt5_fp8.py makes the text encoder's forms of 8 bits.
"""

import collections
import html
import importlib.metadata
import json
import pathlib
import re

import ftfy
import sentencepiece
import torch
from diffusers import AutoencoderKLWan
from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers
from safetensors.torch import save_file
from sentencepiece import sentencepiece_model_pb2
from tokenizers import models
from transformers import T5Tokenizer, UMT5Config, UMT5EncoderModel

OUT = pathlib.Path("goldens")
PACKAGES = ("torch", "diffusers", "transformers", "tokenizers", "ftfy",
            "sentencepiece", "safetensors")
PROMPT_TOKENS = 512


def randomize(module, seed, scale):
    """Random values for every parameter: defaults hide swapped weights."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            near_one = "gamma" in name or "norm" in name
            value = 1 + 0.2 * noise if near_one else scale * noise
            # Values that bf16 holds, so that files of half the size are exact.
            parameter.copy_(value.bfloat16())


# --- UMT5 -------------------------------------------------------------------

UMT5_ROWS = (
    ("norm1", "layer.0.layer_norm"),
    ("attn.q", "layer.0.SelfAttention.q"),
    ("attn.k", "layer.0.SelfAttention.k"),
    ("attn.v", "layer.0.SelfAttention.v"),
    ("attn.o", "layer.0.SelfAttention.o"),
    ("pos_embedding.embedding",
     "layer.0.SelfAttention.relative_attention_bias"),
    ("norm2", "layer.1.layer_norm"),
    ("ffn.gate.0", "layer.1.DenseReluDense.wi_0"),
    ("ffn.fc1", "layer.1.DenseReluDense.wi_1"),
    ("ffn.fc2", "layer.1.DenseReluDense.wo"),
)


def published_umt5(state, layers):
    """The names of Wan's models_t5_umt5-xxl-enc-bf16.pth."""
    result = collections.OrderedDict()
    result["token_embedding.weight"] = state["shared.weight"]
    for i in range(layers):
        for ours, theirs in UMT5_ROWS:
            result[f"blocks.{i}.{ours}.weight"] = state[
                f"encoder.block.{i}.{theirs}.weight"]
    result["norm.weight"] = state["encoder.final_layer_norm.weight"]
    return result


def make_umt5():
    config = UMT5Config(vocab_size=64, d_model=32, num_heads=4, d_kv=8,
                        d_ff=40, num_layers=3,
                        feed_forward_proj="gated-gelu")
    model = UMT5EncoderModel(config).eval()
    randomize(model, 1, 0.3)
    state = model.state_dict()
    published = published_umt5(state, config.num_layers)
    for name, tensor in published.items():
        published[name] = tensor.bfloat16()
    torch.save(published, OUT / "umt5.pth")
    save_file({k: v.bfloat16() for k, v in state.items()
               if k != "encoder.embed_tokens.weight"},
              OUT / "umt5_transformers.safetensors")
    golden = {}
    generator = torch.Generator().manual_seed(2)
    # 200 tokens reach every bucket of the relative position bias.
    for length in (1, 14, 200):
        ids = torch.zeros(1, PROMPT_TOKENS, dtype=torch.int64)
        ids[0, :length] = torch.randint(2, 64, (length,), generator=generator)
        ids[0, length - 1] = 1
        mask = (torch.arange(PROMPT_TOKENS) < length).long()[None]
        with torch.no_grad():
            out = model(input_ids=ids, attention_mask=mask).last_hidden_state
        golden[f"{length}.ids"] = ids[0, :length].to(torch.int32)
        golden[f"{length}.context"] = out[0, :length].clone()
    save_file(golden, OUT / "umt5_expected.safetensors")


# --- VAE --------------------------------------------------------------------

VAE_WORDS = (
    ("encoder.conv_in.", "encoder.conv1."),
    ("encoder.norm_out.", "encoder.head.0."),
    ("encoder.conv_out.", "encoder.head.2."),
    ("encoder.mid_block.resnets.0.", "encoder.middle.0."),
    ("encoder.mid_block.attentions.0.", "encoder.middle.1."),
    ("encoder.mid_block.resnets.1.", "encoder.middle.2."),
    ("down_blocks", "downsamples"),
    (".resnets.", ".downsamples."),
    (".downsampler.", ".downsamples.2."),
    (".norm1.", ".residual.0."),
    (".norm2.", ".residual.3."),
    (".conv2.", ".residual.6."),
    (".conv_shortcut.", ".shortcut."),
)


def native_vae_name(name):
    if name.startswith("quant_conv."):
        return name.replace("quant_conv.", "conv1.")
    if not name.startswith("encoder.conv1."):
        name = name.replace(".conv1.", ".residual.2.")
    for theirs, ours in VAE_WORDS:
        name = name.replace(theirs, ours)
    return name


def vae_config(wan22, base):
    config = dict(base_dim=base, z_dim=16, dim_mult=[1, 2, 4, 4],
                  num_res_blocks=2, temperal_downsample=[False, True, True])
    if wan22:
        config.update(z_dim=48, is_residual=True, in_channels=12,
                      out_channels=12, patch_size=2, decoder_base_dim=base,
                      scale_factor_spatial=16, latents_mean=[0.0] * 48,
                      latents_std=[1.0] * 48)
    return config


def encoder_keys(state):
    return [k for k in state if k.startswith(("encoder.", "quant_conv."))]


def write_vae_names():
    """Every encoder tensor of the published sizes in both spellings."""
    rows = []
    for wan22 in (False, True):
        with torch.device("meta"):
            model = AutoencoderKLWan(**vae_config(wan22, 160 if wan22 else 96))
        keys = encoder_keys(model.state_dict())
        native = [native_vae_name(k) for k in keys]
        if not wan22:  # the library's own converter, where it has one
            converted = convert_wan_vae_to_diffusers({k: 0 for k in native})
            assert set(converted) == set(keys)
        rows += [f"{'2.2' if wan22 else '2.1'}\t{n}\t{k}\n"
                 for n, k in zip(native, keys)]
    (OUT / "vae_names.tsv").write_text("".join(rows))


def encode(vae, frames, statistics):
    """Normalised means of frames (T, H, W, 3) uint8."""
    video = frames.permute(3, 0, 1, 2)[None].float() / 255 * 2 - 1
    return normalize(vae, video, statistics)


def normalize(vae, video, statistics):
    mean, std = (torch.tensor(s).view(1, -1, 1, 1, 1) for s in statistics)
    with torch.no_grad():
        mu = vae.encode(video).latent_dist.mode()
    return (mu - mean) / std


def first_frame_y(vae, video, statistics, end_given):
    """y of the image-to-video models: mask and latents of given frames."""
    count, height, width = video.shape[2:]
    given = torch.zeros_like(video)
    given[:, :, 0] = video[:, :, 0]
    mask = torch.zeros(1, count, height // 8, width // 8)
    mask[:, 0] = 1
    if end_given:
        given[:, :, -1] = video[:, :, -1]
        mask[:, -1] = 1
    mask = torch.cat([mask[:, :1].repeat(1, 4, 1, 1), mask[:, 1:]], dim=1)
    mask = mask.view(1, -1, 4, height // 8, width // 8).transpose(1, 2)
    return torch.cat([mask, normalize(vae, given, statistics)], dim=1)


def make_vae(wan22, size):
    vae = AutoencoderKLWan(**vae_config(wan22, 3)).eval()
    randomize(vae, 4 if wan22 else 3, 0.15)
    state = vae.state_dict()
    tag = "vae22" if wan22 else "vae21"
    # One of them in each spelling.
    save_file({(k if wan22 else native_vae_name(k)): state[k].bfloat16()
               for k in encoder_keys(state)}, OUT / f"{tag}.safetensors")
    defaults = STATISTICS_22 if wan22 else (vae.config.latents_mean,
                                            vae.config.latents_std)
    generator = torch.Generator().manual_seed(5)
    frames = torch.randint(0, 256, (9, *size, 3), generator=generator,
                           dtype=torch.uint8)
    golden = {"frames": frames}
    for count in (1, 5, 9):
        golden[f"latents.{count}"] = encode(vae, frames[:count], defaults)
    if not wan22:
        video = frames.permute(3, 0, 1, 2)[None].float() / 255 * 2 - 1
        golden["y.first"] = first_frame_y(vae, video, defaults, False)
        golden["y.first_last"] = first_frame_y(vae, video, defaults, True)
    save_file({k: v.contiguous() for k, v in golden.items()},
              OUT / f"{tag}_expected.safetensors")


# The statistics of the Wan 2.2 VAE's 48 channels, as its authors give them.
STATISTICS_22 = ([
    -0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557,
    -0.1382, 0.0542, 0.2813, 0.0891, 0.1570, -0.0098, 0.0375, -0.1825,
    -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108, -0.2158, 0.2502,
    -0.2055, -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.1230,
    -0.0313, -0.1649, 0.0117, 0.0723, -0.2839, -0.2083, -0.0520, 0.3748,
    0.0152, 0.1957, 0.1433, -0.2944, 0.3573, -0.0548, -0.1681, -0.0667], [
    0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.4990, 0.4818, 0.5013, 0.8158,
    1.0344, 0.5894, 1.0901, 0.6885, 0.6165, 0.8454, 0.4978, 0.5759, 0.3523,
    0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659, 0.7069, 0.5338, 0.4889,
    0.4917, 0.4069, 0.4999, 0.6866, 0.4093, 0.5709, 0.6065, 0.6415, 0.4944,
    0.5726, 1.2042, 0.5458, 1.6887, 0.3971, 1.0600, 0.3943, 0.5537, 0.5444,
    0.4089, 0.7468, 0.7744])


# --- Text -------------------------------------------------------------------

PROMPTS = [
    "A cat walks on the grass, realistic style.",
    "  two   spaces,\ttabs\nand\r\nline breaks \u3000 here\u00a0too  ",
    "一只猫在草地上行走，写实风格。",
    "桜の花びらが風に舞う、静かな朝。ｶﾀｶﾅ ﾊﾟﾋﾟﾌﾟ",
    "고양이가 풀밭을 걷고 있다 ﾡﾢ",
    "кошка идёт по траве — реалистичный стиль",
    "قطة تمشي على العشب",
    "Ünïcödé naïve café, É, e\u0301 and A\u030A",
    "emoji \U0001F600 \U0001F468\u200D\U0001F469\u200D\U0001F467 "
    "\U0001F1E9\U0001F1EA \u2764\uFE0F end",
    "rare \U00013080\U00013081 \U0001D518 \uA66E glyphs",
    "Tom &amp; Jerry &lt;3 &quot;cheese&quot; &#39;n&#x27; &hellip;",
    "&amp;amp;amp; twice &amp;eacute; and &EACUTE; &nTILDE; &NotEqualTilde;",
    "&notit; &notin; &not &copy2024 &unknown; &#0; &#128; &#x1F600; &#xD800;"
    " &#1114112; &#99999999999999999999; &#; &#x; & &&amp;",
    "a tag <b>bold &amp; loud</b> stays",
    "first line <i>\nsecond line &amp;lt; third",
    "\u201ccurly\u201d \u2018quotes\u2019 \u201elow\u201d \u02bcn \u00abg\u00bb",
    "ﬁrst ﬂight, oﬃce, Ĳssel, ǆ, ŉ, ﬅop",
    "ＦＵＬＬ　ｗｉｄｔｈ！ ￥１００",
    "control\x00\x01\x07chars\x1b[31mred\x1b[0m \x1b[ x \x7f\ufeff\u206a end",
    "line\u2028sep\u2029par\x85next\x0bvt\x0cff\x1cfs",
    "It\u2019s a \u2018test\u2019\u2026",
    "schÃ¶n cafÃ© naÃ¯ve â€œquotedâ€\x9d itâ€™s â€” dash",
    "doubly: cafÃƒÂ© and it\u00c3\u00a2\u00e2\u201a\u00ac\u00e2\u201e\u00a2s",
    "partly 猫 cafÃ© 犬 â€œxâ€\x9d",
    "voilÃ  le travail, Ã la mode",
    "Â©2024 Â«textÂ» 20Â°C",
    "C1 \x93quoted\x94 text \x96 dash",
    "ÐšÐ¾ÑˆÐºÐ° идёт",
    "LE CAFÉ… «Élan» É’ café» été–hiver São Paulo, Ñandú, Ærø",
    "à «bientôt», déjà… l’été® naïveté™",
    "MÃ¼nchen liegt in Bayern",
    "å¤ªé\x99½ æ\x97¥æ\x9c¬",
    "ï»¿BOM and ðŸ˜€ face",
    "lost â€\ufffd byte and \ufffd alone",
    "Ã\u00a0 bientÃ´t",
    "price: 5€ £3 ¥7 ¢9 ±2 ×3 ÷4 ½ ¼ § ¶ µm",
    "&EACUTE;“ÀÉ” and æ&shy;Šž, ä«ö»°C é…» Ä“Ö”",
    "it's Â here, the Ã — dance, walks Ã, el Ã dance",
    "CafÃ? and â€? or 5Ã\u20032 Œ œuvre Œ",
    "9€À ü€ £É Ù†Ù\u0088 à²•à²¨ Ã—Â² À°",
    "",
    "   \n\t ",
    "</s> <pad> <extra_id_0> <unk>",
    "word " * 700,
    "猫" * 600,
    "a" * 2000,
]

# Sentences that are misread as Windows-1252 or Latin-1, once and twice.
SENTENCES = [
    "Ein schöner Käse für Ängstliche: Öl, Übel, süß",
    "El niño comió piñata en el jardín, ¿verdad? ¡Sí!",
    "Où est l’élève français? “Là-bas” — près de l’hôtel…",
    "Zażółć gęślą jaźń",
    "Příliš žluťoučký kůň úpěl ďábelské ódy",
    "Съешь ещё этих мягких французских булок",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
    "いろはにほへと ちりぬるを",
    "快速的棕色狐狸跳过懒狗。",
    "다람쥐 헌 쳇바퀴에 타고파",
    "smile 😀 heart ❤ arrow → 100 °C ± 5 µm",
    "ทดสอบ ภาษาไทย",
    "हिन्दी परीक्षण",
    "בדיקה בעברית",
    "اختبار اللغة العربية",
    "Þórður ætlar að fá sér æð",
]

CORPUS = [
    "a cat walks on the grass in a realistic style",
    "the camera moves slowly over the mountains at sunset",
    "two people dance in the rain, cinematic light",
    "a dog runs along the beach and jumps into the waves",
    "一只猫在草地上行走，写实风格。", "镜头缓慢移动，日落时分的山脉",
    "桜の花びらが風に舞う静かな朝", "고양이가 풀밭을 걷고 있다",
    "кошка идёт по траве в реалистичном стиле",
    "Ünïcödé naïve café été hôtel schöner Käse niño jardín",
    "it's a \"test\" & more: 100% <b> (x) [y] {z} 5€, no. 7 / 8 + 9 = 16",
]


def clean(text):
    """The cleaning that DiffSynth and Wan do before the tokenizer."""
    text = ftfy.fix_text(text)
    text = html.unescape(html.unescape(text)).strip()
    return re.sub(r"\s+", " ", text).strip()


def train_tokenizer():
    (OUT / "corpus.tmp").write_text("\n".join(CORPUS * 20), encoding="utf-8")
    # A few rules instead of all of NFKC keep the model small.
    (OUT / "rules.tmp").write_text("FF21\t41\n2460\t31\n2F\t2215\n9\t20\n")
    sentencepiece.SentencePieceTrainer.train(
        input=str(OUT / "corpus.tmp"), model_prefix=str(OUT / "spiece"),
        model_type="unigram", vocab_size=560, hard_vocab_limit=False,
        byte_fallback=True, character_coverage=0.999, pad_id=0, eos_id=1,
        bos_id=2, unk_id=3, num_threads=1, minloglevel=2,
        normalization_rule_tsv=str(OUT / "rules.tmp"))
    for name in ("corpus.tmp", "rules.tmp", "spiece.vocab"):
        (OUT / name).unlink()
    return sentencepiece.SentencePieceProcessor(
        model_file=str(OUT / "spiece.model"))


def transformers_tokenizer(pieces):
    """T5Tokenizer with umt5's settings: unknown is 3, bytes as fallback."""
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString((OUT / "spiece.model").read_bytes())
    vocab = [(p.piece, p.score) for p in proto.pieces]
    tokenizer = T5Tokenizer(
        vocab=vocab, extra_ids=0,
        _spm_precompiled_charsmap=proto.normalizer_spec.precompiled_charsmap)
    tokenizer._tokenizer.model = models.Unigram(vocab, 3, True)
    assert len(vocab) == pieces.vocab_size()
    return tokenizer


def make_text():
    pieces = train_tokenizer()
    tokenizer = transformers_tokenizer(pieces)
    cases, agree = [], 0
    for prompt in PROMPTS:
        cleaned = clean(prompt)
        ids = pieces.encode(cleaned)[:PROMPT_TOKENS - 1] + [1]
        theirs = tokenizer(cleaned, truncation=True, max_length=PROMPT_TOKENS,
                           split_special_tokens=True)["input_ids"]
        if theirs == ids:
            agree += 1
        else:
            print("transformers differs:", repr(cleaned[:60]))
        cases.append({"prompt": prompt, "cleaned": cleaned, "ids": ids})
    print(f"transformers agrees on {agree} of {len(cases)} prompts")
    misread = []
    for sentence in SENTENCES:
        for encoding in ("sloppy-windows-1252", "latin-1"):
            once = sentence.encode().decode(encoding)
            twice = once.encode().decode(encoding)
            misread += [{"prompt": t, "cleaned": clean(t)}
                        for t in (sentence, once, twice)]
    with open(OUT / "text.json", "w", encoding="ascii") as out:
        json.dump({"prompts": cases, "misread": misread}, out, indent=0)


def main():
    OUT.mkdir(exist_ok=True)
    make_umt5()
    write_vae_names()
    make_vae(False, (16, 24))
    make_vae(True, (32, 48))
    make_text()
    (OUT / "versions.txt").write_text("".join(
        f"{p} {importlib.metadata.version(p)}\n" for p in PACKAGES))


if __name__ == "__main__":
    main()
