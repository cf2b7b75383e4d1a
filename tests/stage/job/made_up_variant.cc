// A variant that nobody has published: after every second block a module that
// follows a sound, whose bands are one more input and one more split tensor.
// Useful for: what adding a variant takes. Its row, its parts, its
// registration.
#include <ATen/TensorOperators.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/model/known_variants.h"
#include "stage/wan/variant_parts.h"

namespace halfpipe {
namespace {

constexpr int64_t kBands = 5;
constexpr char kInput[] = "sound";
constexpr char kRows[] = "sound_rows";

absl::Status Extend(const std::map<std::string, Shape>& /*found*/,
                    ModelSpec* spec) {
  const int64_t dim = spec->dim;
  spec->variant = "Made up";
  spec->extra_inputs = {
      {kInput, {{Axis::kBatch}, Fixed(kBands)}, "a sound's loudness by band"}};
  spec->extra_split = {
      {.name = kRows, .shape = {{Axis::kBatch}, Fixed(1), Fixed(dim)}}};
  spec->extra_embeddings = {{"sound_embedding.weight", {dim, kBands}},
                            {"sound_embedding.bias", {dim}}};
  for (int64_t i = 0; i < spec->layers / 2; ++i) {
    spec->extra_modules.push_back(
        {.kind = "gain",
         .prefix = absl::StrCat("gain.", i, "."),
         .after_block = 2 * i + 1,
         .tensors = {{"proj.weight", {dim, dim}}, {"proj.bias", {dim}}},
         .linears = {"proj"}});
  }
  return absl::OkStatus();
}

// x + proj(x * rows).
class Gain : public VariantModule {
 public:
  explicit Gain(LoraLinear proj) : proj_(std::move(proj)) {}

  at::Tensor Forward(const at::Tensor& x,
                     const Conditioning& conditioning) const override {
    return x + proj_.Forward(x * conditioning.extra.at(kRows));
  }

  at::Tensor Backward(const at::Tensor& d, const at::Tensor& x,
                      const Conditioning& conditioning) override {
    const at::Tensor& rows = conditioning.extra.at(kRows);
    return d + proj_.Backward(d, x * rows, /*need_dx=*/true) * rows;
  }

  void AppendAdapters(std::vector<LoraAdapter*>* adapters) const override {
    proj_.AppendAdapters(adapters);
  }

 private:
  LoraLinear proj_;
};

absl::StatusOr<std::unique_ptr<VariantModule>> LoadGain(
    const LayerLoader& loader, const ExtraModule& module) {
  HP_ASSIGN_OR_RETURN(LoraLinear proj,
                      loader.Adapted({module.prefix + "proj"}));
  return std::make_unique<Gain>(std::move(proj));
}

class SoundEmbedding : public VariantEmbedding {
 public:
  SoundEmbedding(LinearWeights linear, LoraPlacement placement)
      : linear_(std::move(linear)), placement_(placement) {}

  void Forward(const MicrobatchInputs& inputs,
               Conditioning* conditioning) const override {
    const at::Tensor sound =
        inputs.extra.at(kInput).to(placement_.device, at::kFloat).unsqueeze(1);
    conditioning->extra[kRows] = Linear(sound, linear_).to(placement_.compute);
  }

 private:
  LinearWeights linear_;
  LoraPlacement placement_;
};

absl::StatusOr<std::unique_ptr<VariantEmbedding>> LoadSound(
    const LayerLoader& loader) {
  HP_ASSIGN_OR_RETURN(LinearWeights linear, loader.Frozen("sound_embedding"));
  return std::make_unique<SoundEmbedding>(std::move(linear),
                                          loader.placement());
}

[[maybe_unused]] const bool kRegistered = [] {
  AddModelVariant({.name = "tiny-made-up",
                   .dim = 48,
                   .ffn_dim = 96,
                   .heads = 2,
                   .layers = 4,
                   .in_channels = 16,
                   .out_channels = 16,
                   .text_dim = 32,
                   .marks = {"gain."},
                   .extend = Extend});
  return RegisterVariantModule("gain", LoadGain) &&
         RegisterVariantEmbedding("Made up", LoadSound);
}();

}  // namespace
}  // namespace halfpipe
