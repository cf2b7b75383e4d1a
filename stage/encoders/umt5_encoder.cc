#include "stage/encoders/umt5_encoder.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/store/quantised_weights.h"
#include "stage/encoders/encoder_names.h"
#include "stage/encoders/weight_loader.h"
#include "stage/kernels/torch_guard.h"

namespace halfpipe {
namespace {

absl::Status CheckPrompt(const TokenizedPrompt& prompt, int64_t vocabulary) {
  if (static_cast<int64_t>(prompt.ids.size()) != kPromptTokens ||
      prompt.length < 1 || prompt.length > kPromptTokens) {
    return absl::InvalidArgumentError(
        absl::StrCat("a tokenised prompt has ", prompt.ids.size(),
                     " ids of which ", prompt.length, " count, expected ",
                     kPromptTokens, " of which at least one counts"));
  }
  const auto [low, high] =
      std::minmax_element(prompt.ids.begin(), prompt.ids.end());
  if (*low < 0 || *high >= vocabulary) {
    return absl::InvalidArgumentError(
        absl::StrCat("token id ", *low < 0 ? *low : *high,
                     " is outside the text encoder's ", vocabulary,
                     " embeddings; do tokenizer and text encoder belong "
                     "together?"));
  }
  return absl::OkStatus();
}

// The tensors of a layer are known by name; one more would change it in a way
// that is not known.
bool IsOfALayer(absl::string_view native) {
  return absl::StartsWith(native, "blocks.") ||
         absl::StartsWith(native, "token_embedding.") ||
         absl::StartsWith(native, "norm.");
}

bool IsWeight(absl::string_view native) {
  constexpr absl::string_view kNames[] = {
      "norm1", "attn.q",     "attn.k",  "attn.v",  "attn.o",
      "norm2", "ffn.gate.0", "ffn.fc1", "ffn.fc2", "pos_embedding.embedding"};
  if (!absl::ConsumeSuffix(&native, ".weight")) return false;
  if (native == "norm" || native == "token_embedding") return true;
  if (!absl::ConsumePrefix(&native, "blocks.")) return false;
  native.remove_prefix(std::min(native.find('.'), native.size() - 1) + 1);
  return std::find(std::begin(kNames), std::end(kNames), native) !=
         std::end(kNames);
}

absl::Status CheckNothingIsLeft(const TensorArchive& archive,
                                const NativeNames& names,
                                const Quantisation& quantised) {
  for (const auto& [native, stored] : names) {
    if (!IsOfALayer(native) || IsWeight(native) ||
        quantised.beside.contains(stored)) {
      continue;
    }
    return absl::InvalidArgumentError(absl::StrCat(
        archive.path(), ": tensor '", stored,
        "' belongs to no UMT5 encoder that halfpipe knows; download the bf16, "
        "fp16 or fp8 file of umt5-xxl"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Umt5Encoder> Umt5Encoder::Load(const TensorArchive& archive,
                                              at::Device device,
                                              at::ScalarType dtype) {
  if (dtype != at::kFloat && dtype != at::kBFloat16) {
    return absl::InvalidArgumentError(
        absl::StrCat("the text encoder computes in fp32 or bf16, not in ",
                     c10::toString(dtype)));
  }
  HP_RETURN_IF_ERROR(CheckQuantisationWords(archive));
  HP_ASSIGN_OR_RETURN(const Quantisation quantised,
                      ReadQuantisation(archive.path(), archive.tensors()));
  const NativeNames names = NativeUmt5Names(archive);
  HP_RETURN_IF_ERROR(CheckNothingIsLeft(archive, names, quantised));
  HP_RETURN_IF_ERROR(CheckScaleNumbers(archive, quantised));
  const WeightLoader weights(archive, names, device, dtype, quantised);
  Umt5Encoder encoder;
  HP_ASSIGN_OR_RETURN(const int64_t d_model,
                      weights.Size("token_embedding.weight", 1));
  HP_ASSIGN_OR_RETURN(encoder.embedding_, weights.Load("token_embedding.weight",
                                                       {kAnySize, d_model}));
  do {
    const int64_t index = static_cast<int64_t>(encoder.layers_.size());
    absl::StatusOr<Umt5Layer> layer = Umt5Layer::Load(weights, index, d_model);
    if (!layer.ok()) return Annotate(layer.status(), "text encoder");
    if (!encoder.layers_.empty() &&
        layer->bucket_count() != encoder.layers_[0].bucket_count()) {
      return absl::InvalidArgumentError(absl::StrCat(
          archive.path(), ": 'blocks.", index, ".pos_embedding' has ",
          layer->bucket_count(), " rows, expected ",
          encoder.layers_[0].bucket_count(), " as in block 0"));
    }
    encoder.layers_.push_back(*std::move(layer));
  } while (
      weights.HasPrefix(absl::StrCat("blocks.", encoder.layers_.size(), ".")));
  HP_RETURN_IF_ERROR(weights.CheckLayersEnd(
      "blocks.", static_cast<int64_t>(encoder.layers_.size())));
  HP_ASSIGN_OR_RETURN(encoder.norm_, weights.Load("norm.weight", {d_model}));
  return encoder;
}

absl::StatusOr<at::Tensor> Umt5Encoder::Encode(
    const TokenizedPrompt& prompt) const {
  HP_RETURN_IF_ERROR(CheckPrompt(prompt, embedding_.size(0)));
  return TorchGuard("text encoder", [&]() -> absl::StatusOr<at::Tensor> {
    const int64_t length = prompt.length;
    const at::Device device = embedding_.device();
    // Padding gets an attention weight of exactly zero and zero rows in the
    // result, so only the real tokens are computed.
    const at::Tensor ids =
        at::tensor(at::ArrayRef<int32_t>(prompt.ids.data(), length), at::kInt)
            .to(device);
    const at::Tensor buckets =
        RelativeBuckets(length, layers_[0].bucket_count()).to(device);
    at::Tensor x = at::embedding(embedding_, ids);  // (length, d_model)
    for (const Umt5Layer& layer : layers_) x = layer.Forward(x, buckets);
    at::Tensor context = at::zeros({1, kPromptTokens, x.size(1)}, x.options());
    context[0].narrow(0, 0, length).copy_(Umt5RmsNorm(x, norm_));
    return context;
  });
}

}  // namespace halfpipe
