#include "client/demo/demo_model.h"

#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/demo/demo_tokenizer.h"
#include "client/demo/random_tensors.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// Of the text encoder; its width is what the DiT's text embedding reads.
constexpr int64_t kTextWidth = 32, kTextHeads = 4, kTextInner = 64;
constexpr int64_t kTextLayers = 2, kPositionBuckets = 32;
// The published table of tokens is larger than the tokenizer, too.
constexpr int64_t kVocabularyUnit = 64;

// Of the VAE: channels of each level, and whether it halves the time after it.
constexpr int64_t kVaeWidths[] = {8, 16, 32, 32};
constexpr bool kHalvesTime[] = {false, true, true};

constexpr double kNormDeviation = 0.05, kModulationDeviation = 0.1;

// A weight of a norm: around 1.
void AddNorm(const std::string& name, const Shape& shape,
             RandomTensors* tensors) {
  tensors->Add(name, shape, kNormDeviation, 1.0);
}

absl::Status WriteDit(const std::string& folder) {
  constexpr double kDitBiasDeviation = 0.02, kTimeGain = 0.1;
  constexpr int64_t kGates[] = {2, 5};  // of a block's modulation
  const ModelSpec spec = DemoModelSpec();
  RandomTensors tensors(0);
  for (const auto& [name, shape] : WanTensors(spec)) {
    const size_t dot = name.rfind('.');
    const std::string layer = name.substr(0, dot);
    if (absl::EndsWith(name, "modulation")) {
      tensors.Add(name, shape, kModulationDeviation);
      if (!absl::StartsWith(name, "blocks.")) continue;
      // They open both residual branches, so that LoRA weights inside them can
      // change the prediction at once.
      for (const int64_t row : kGates) tensors.Shift(name, row, 1.0F);
    } else if (absl::EndsWith(name, ".bias")) {
      tensors.Add(name, shape, kDitBiasDeviation);
    } else if (shape.size() == 1) {
      AddNorm(name, shape, &tensors);
    } else {
      tensors.AddWeight(layer, shape,
                        layer == "time_projection.1" ? kTimeGain : 1.0);
    }
  }
  HP_RETURN_IF_ERROR(MakeDirectories(folder));
  HP_RETURN_IF_ERROR(tensors.Write(
      absl::StrCat(folder, "/diffusion_pytorch_model.safetensors")));
  const nlohmann::ordered_json config = {
      {"num_attention_heads", spec.heads},
      {"attention_head_dim", spec.head_dim()}};
  return WriteFileAtomically(absl::StrCat(folder, "/config.json"),
                             config.dump(1) + "\n");
}

absl::Status WriteTextEncoder(const std::string& path, int64_t vocabulary) {
  RandomTensors tensors(1);
  tensors.Add("token_embedding.weight", {vocabulary, kTextWidth}, 1.0);
  for (int64_t i = 0; i < kTextLayers; ++i) {
    const std::string block = absl::StrCat("blocks.", i, ".");
    for (const char* norm : {"norm1", "norm2"}) {
      AddNorm(absl::StrCat(block, norm, ".weight"), {kTextWidth}, &tensors);
    }
    for (const char* linear : {"q", "k", "v", "o"}) {
      tensors.AddWeight(absl::StrCat(block, "attn.", linear),
                        {kTextWidth, kTextWidth});
    }
    tensors.Add(absl::StrCat(block, "pos_embedding.embedding.weight"),
                {kPositionBuckets, kTextHeads}, 0.5);
    tensors.AddWeight(block + "ffn.gate.0", {kTextInner, kTextWidth});
    tensors.AddWeight(block + "ffn.fc1", {kTextInner, kTextWidth});
    tensors.AddWeight(block + "ffn.fc2", {kTextWidth, kTextInner});
  }
  AddNorm("norm.weight", {kTextWidth}, &tensors);
  return tensors.Write(path);
}

void AddResidual(const std::string& name, int64_t from, int64_t to,
                 RandomTensors* tensors) {
  AddNorm(name + ".residual.0.gamma", {from, 1, 1, 1}, tensors);
  tensors->AddLayer(name + ".residual.2", {to, from, 3, 3, 3});
  AddNorm(name + ".residual.3.gamma", {to, 1, 1, 1}, tensors);
  tensors->AddLayer(name + ".residual.6", {to, to, 3, 3, 3});
  if (from != to) tensors->AddLayer(name + ".shortcut", {to, from, 1, 1, 1});
}

// All levels; returns the channels of the last one.
int64_t AddDownsamples(RandomTensors* tensors) {
  int64_t channels = kVaeWidths[0], index = 0;
  for (size_t level = 0; level < std::size(kVaeWidths); ++level) {
    const int64_t width = kVaeWidths[level];
    for (int i = 0; i < 2; ++i) {
      AddResidual(absl::StrCat("encoder.downsamples.", index++), channels,
                  width, tensors);
      channels = width;
    }
    if (level == std::size(kHalvesTime)) break;
    const std::string name = absl::StrCat("encoder.downsamples.", index++);
    tensors->AddLayer(name + ".resample.1", {width, width, 3, 3});
    if (!kHalvesTime[level]) continue;
    tensors->AddLayer(name + ".time_conv", {width, width, 3, 1, 1});
  }
  return channels;
}

absl::Status WriteVae(const std::string& path) {
  constexpr int64_t kMeanAndVariance = 2 * kWan21Latents.channels;
  RandomTensors tensors(2);
  tensors.AddLayer("encoder.conv1", {kVaeWidths[0], 3, 3, 3, 3});
  const int64_t width = AddDownsamples(&tensors);
  AddResidual("encoder.middle.0", width, width, &tensors);
  AddNorm("encoder.middle.1.norm.gamma", {width, 1, 1}, &tensors);
  tensors.AddLayer("encoder.middle.1.to_qkv", {3 * width, width, 1, 1});
  tensors.AddLayer("encoder.middle.1.proj", {width, width, 1, 1});
  AddResidual("encoder.middle.2", width, width, &tensors);
  AddNorm("encoder.head.0.gamma", {width, 1, 1, 1}, &tensors);
  tensors.AddLayer("encoder.head.2", {kMeanAndVariance, width, 3, 3, 3});
  tensors.AddLayer("conv1", {kMeanAndVariance, kMeanAndVariance, 1, 1, 1});
  return tensors.Write(path);
}

}  // namespace

ModelSpec DemoModelSpec() {
  // Heads of 24 keep the three-way split of the rotary embedding whole.
  return {.dim = 96,
          .ffn_dim = 192,
          .heads = 4,
          .layers = 4,
          .text_dim = kTextWidth,
          .in_channels = kWan21Latents.channels,
          .out_channels = kWan21Latents.channels};
}

absl::Status WriteDemoModel(const std::string& folder,
                            const std::vector<std::string>& captions) {
  const DemoTokenizer tokenizer = MakeDemoTokenizer(captions);
  const std::string tokenizer_folder = folder + "/google/umt5-xxl";
  HP_RETURN_IF_ERROR(MakeDirectories(tokenizer_folder));
  HP_RETURN_IF_ERROR(
      WriteFileAtomically(tokenizer_folder + "/spiece.model", tokenizer.model));
  HP_RETURN_IF_ERROR(WriteDit(folder + "/dit"));
  const int64_t vocabulary =
      (tokenizer.pieces / kVocabularyUnit + 1) * kVocabularyUnit;
  HP_RETURN_IF_ERROR(
      WriteTextEncoder(folder + "/models_t5_umt5.safetensors", vocabulary));
  return WriteVae(folder + "/Wan2.1_VAE.safetensors");
}

}  // namespace halfpipe
