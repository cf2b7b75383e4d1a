#include "common/model/known_variants.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

struct KnownVariant {
  const char* name;
  int64_t dim;
  int64_t ffn_dim;
  int64_t heads;
  int64_t layers;
  int64_t in_channels;
  int64_t out_channels;
  int64_t text_dim;
};

// As in the published checkpoints' config.json.
constexpr KnownVariant kVariants[] = {
    {"t2v-1.3b", 1536, 8960, 12, 30, 16, 16, 4096},
    {"t2v-14b", 5120, 13824, 40, 40, 16, 16, 4096},
    {"t2v-a14b", 5120, 13824, 40, 40, 16, 16, 4096},
    {"i2v-a14b", 5120, 13824, 40, 40, 36, 16, 4096},
    {"ti2v-5b", 3072, 14336, 24, 30, 48, 48, 4096},
    {"tiny-t2v", 48, 96, 2, 4, 16, 16, 32},
    {"tiny-i2v", 48, 96, 2, 4, 36, 16, 32},
};

}  // namespace

absl::StatusOr<WanArchitecture> KnownArchitecture(absl::string_view name,
                                                  int64_t layers) {
  const std::string lower = absl::AsciiStrToLower(name);
  absl::string_view key = lower;
  if (!absl::ConsumePrefix(&key, "wan2.1-")) {
    absl::ConsumePrefix(&key, "wan2.2-");
  }
  std::string names;
  for (const KnownVariant& variant : kVariants) {
    if (key == variant.name) {
      return WanArchitecture{.dim = variant.dim,
                             .ffn_dim = variant.ffn_dim,
                             .heads = variant.heads,
                             .layers = layers > 0 ? layers : variant.layers,
                             .in_channels = variant.in_channels,
                             .out_channels = variant.out_channels,
                             .text_dim = variant.text_dim,
                             .freq_dim = 256};
    }
    absl::StrAppend(&names, names.empty() ? "" : ", ", variant.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", name, "' is no known variant; there are ", names));
}

}  // namespace halfpipe
