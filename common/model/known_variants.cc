#include "common/model/known_variants.h"

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// Sizes as in the published checkpoints' config.json; then the variants that
// are recognised, so that they are refused by their names.
constexpr ModelVariant kVariants[] = {
    {"t2v-1.3b", 1536, 8960, 12, 30, 16, 16, 4096},
    {"t2v-14b", 5120, 13824, 40, 40, 16, 16, 4096},
    {"t2v-a14b", 5120, 13824, 40, 40, 16, 16, 4096},
    {"i2v-a14b", 5120, 13824, 40, 40, 36, 16, 4096},
    {"ti2v-5b", 3072, 14336, 24, 30, 48, 48, 4096},
    {"tiny-t2v", 48, 96, 2, 4, 16, 16, 32},
    {"tiny-i2v", 48, 96, 2, 4, 36, 16, 32},
    {.name = "VACE", .marks = {"vace_"}},
    {.name = "Animate",
     .marks = {"face_adapter.", "pose_patch_embedding.", "motion_encoder.",
               "face_encoder."}},
    {.name = "S2V",
     .marks = {"casual_audio_encoder.", "audio_injector.",
               "trainable_cond_mask.", "frame_packer.", "cond_encoder."}},
    {.name = "WanToDance",
     .marks = {"music_", "patch_embedding_global.", "head_global.",
               "img_emb_ref"}},
    {.name = "Fun Control with a reference convolution",
     .marks = {"ref_conv."}},
    {.name = "Fun Camera Control", .marks = {"control_adapter."}},
    {.name = "text encoder", .marks = {"text_model."}},
};

std::vector<ModelVariant>& Table() {
  static auto* const table =
      new std::vector<ModelVariant>(std::begin(kVariants), std::end(kVariants));
  return *table;
}

absl::StatusOr<ModelSpec> SpecOf(const ModelVariant& variant, int64_t layers) {
  ModelSpec spec = {.dim = variant.dim,
                    .ffn_dim = variant.ffn_dim,
                    .heads = variant.heads,
                    .layers = layers > 0 ? layers : variant.layers,
                    .text_dim = variant.text_dim,
                    .in_channels = variant.in_channels,
                    .out_channels = variant.out_channels};
  if (variant.extend != nullptr) {
    HP_RETURN_IF_ERROR(variant.extend({}, &spec));
  }
  return spec;
}

}  // namespace

const std::vector<ModelVariant>& ModelVariants() { return Table(); }

void AddModelVariant(const ModelVariant& variant) {
  Table().push_back(variant);
}

absl::StatusOr<ModelSpec> KnownModel(absl::string_view name, int64_t layers) {
  const std::string lower = absl::AsciiStrToLower(name);
  absl::string_view key = lower;
  if (!absl::ConsumePrefix(&key, "wan2.1-")) {
    absl::ConsumePrefix(&key, "wan2.2-");
  }
  std::string names;
  for (const ModelVariant& variant : ModelVariants()) {
    if (variant.dim == 0) continue;
    if (key == variant.name) return SpecOf(variant, layers);
    absl::StrAppend(&names, names.empty() ? "" : ", ", variant.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", name, "' is no known variant; there are ", names));
}

}  // namespace halfpipe
