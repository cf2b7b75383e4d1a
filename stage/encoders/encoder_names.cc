#include "stage/encoders/encoder_names.h"

#include <algorithm>
#include <map>
#include <span>
#include <string>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace halfpipe {
namespace {

// Longer patterns win in StrReplaceAll, and what was replaced is not looked at
// again, so the order of the rows does not matter.
std::string NativeUmt5Name(absl::string_view name) {
  if (name == "shared.weight" || name == "encoder.embed_tokens.weight") {
    return "token_embedding.weight";
  }
  if (name == "encoder.final_layer_norm.weight") return "norm.weight";
  if (!absl::ConsumePrefix(&name, "encoder.block.")) return std::string(name);
  return absl::StrCat(
      "blocks.", absl::StrReplaceAll(
                     name, {{"layer.0.layer_norm", "norm1"},
                            {"layer.0.SelfAttention.relative_attention_bias",
                             "pos_embedding.embedding"},
                            {"layer.0.SelfAttention", "attn"},
                            {"layer.1.layer_norm", "norm2"},
                            {"layer.1.DenseReluDense.wi_0", "ffn.gate.0"},
                            {"layer.1.DenseReluDense.wi_1", "ffn.fc1"},
                            {"layer.1.DenseReluDense.wo", "ffn.fc2"}}));
}

using Words = std::span<const absl::string_view>;

// What wrappers and repackagers put before every name of the encoders.
constexpr absl::string_view kUmt5Parts[] = {
    "model.",         "module.",  "_orig_mod.",  "text_encoder.",
    "text_encoders.", "umt5xxl.", "transformer."};
constexpr absl::string_view kVaeParts[] = {
    "model.", "module.", "_orig_mod.", "vae.", "pipe.", "first_stage_model."};

// Names that every such encoder has, one of them.
constexpr absl::string_view kUmt5Marks[] = {
    "token_embedding.weight", "shared.weight", "encoder.embed_tokens.weight"};
constexpr absl::string_view kVaeMarks[] = {"encoder.conv1.weight",
                                           "encoder.conv_in.weight"};

bool IsMadeOf(absl::string_view prefix, Words parts) {
  while (!prefix.empty()) {
    const bool stripped = absl::c_any_of(
        parts, [&](auto part) { return absl::ConsumePrefix(&prefix, part); });
    if (!stripped) return false;
  }
  return true;
}

// What stands before one of the marks, if it is made of the parts.
std::string PrefixOf(const TensorArchive& archive, Words marks, Words parts) {
  for (const auto& [name, tensor] : archive.tensors()) {
    for (absl::string_view mark : marks) {
      absl::string_view prefix = name;
      if (absl::ConsumeSuffix(&prefix, mark) && IsMadeOf(prefix, parts)) {
        return std::string(prefix);
      }
    }
  }
  return "";
}

// "encoder.down_blocks.1.resnets.0.conv1.weight" -> 1, 0.
struct StageBlock {
  int stage = 0;
  int block = 0;
};

bool ParseResnet(absl::string_view name, StageBlock* result) {
  if (!absl::ConsumePrefix(&name, "encoder.down_blocks.")) return false;
  const size_t dot = name.find('.');
  if (!absl::SimpleAtoi(name.substr(0, dot), &result->stage)) return false;
  name.remove_prefix(dot + 1);
  if (!absl::ConsumePrefix(&name, "resnets.")) return false;
  return absl::SimpleAtoi(name.substr(0, name.find('.')), &result->block);
}

std::string NativeVaeName(absl::string_view name,
                          const std::map<int, int>& blocks_of_stage) {
  if (absl::StartsWith(name, "quant_conv.")) {
    return absl::StrCat("conv1.", name.substr(11));
  }
  // Two passes: one pattern may not begin with the dot that ends another.
  std::string native = absl::StrReplaceAll(
      name, {{"encoder.conv_in.", "encoder.conv1."},
             {"encoder.norm_out.", "encoder.head.0."},
             {"encoder.conv_out.", "encoder.head.2."},
             {"encoder.down_blocks.", "encoder.downsamples."},
             {"encoder.mid_block.resnets.0.", "encoder.middle.0."},
             {"encoder.mid_block.attentions.0.", "encoder.middle.1."},
             {"encoder.mid_block.resnets.1.", "encoder.middle.2."},
             {".resnets.", ".downsamples."}});
  // "encoder.conv1." is also the native name of the first convolution.
  if (!absl::StartsWith(native, "encoder.conv1.")) {
    native = absl::StrReplaceAll(native, {{".norm1.", ".residual.0."},
                                          {".conv1.", ".residual.2."},
                                          {".norm2.", ".residual.3."},
                                          {".conv2.", ".residual.6."},
                                          {".conv_shortcut.", ".shortcut."}});
  }
  // Wan 2.2: the downsampler is the block after the stage's last resnet.
  for (const auto& [stage, blocks] : blocks_of_stage) {
    native = absl::StrReplaceAll(
        native, {{absl::StrCat("encoder.downsamples.", stage, ".downsampler."),
                  absl::StrCat("encoder.downsamples.", stage, ".downsamples.",
                               blocks, ".")}});
  }
  return native;
}

}  // namespace

NativeNames NativeUmt5Names(const TensorArchive& archive) {
  const std::string prefix = PrefixOf(archive, kUmt5Marks, kUmt5Parts);
  NativeNames names;
  for (const auto& [name, tensor] : archive.tensors()) {
    const absl::string_view bare = absl::StripPrefix(name, prefix);
    const auto [slot, fresh] = names.emplace(NativeUmt5Name(bare), name);
    // transformers ties encoder.embed_tokens to it.
    if (!fresh && bare == "shared.weight") slot->second = name;
  }
  return names;
}

NativeNames NativeVaeNames(const TensorArchive& archive) {
  const std::string prefix = PrefixOf(archive, kVaeMarks, kVaeParts);
  std::map<int, int> blocks_of_stage;
  for (const auto& [name, tensor] : archive.tensors()) {
    StageBlock at;
    if (ParseResnet(absl::StripPrefix(name, prefix), &at)) {
      int& blocks = blocks_of_stage[at.stage];
      blocks = std::max(blocks, at.block + 1);
    }
  }
  // Only diffusers' files have this tensor; native files keep their names.
  const bool diffusers = archive.tensors().contains(
      absl::StrCat(prefix, "encoder.conv_in.weight"));
  NativeNames names;
  for (const auto& [name, tensor] : archive.tensors()) {
    const absl::string_view bare = absl::StripPrefix(name, prefix);
    if (!absl::StartsWith(bare, "encoder.") &&
        !absl::StartsWith(bare, "conv1.") &&
        !absl::StartsWith(bare, "quant_conv.")) {
      continue;
    }
    names.emplace(
        diffusers ? NativeVaeName(bare, blocks_of_stage) : std::string(bare),
        name);
  }
  return names;
}

}  // namespace halfpipe
