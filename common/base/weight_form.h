// How a model's frozen block weights are held and multiplied.
#ifndef HP_COMMON_BASE_WEIGHT_FORM_H_
#define HP_COMMON_BASE_WEIGHT_FORM_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace halfpipe {

enum class WeightForm : uint8_t {
  kBf16,        // in the compute dtype
  kFp8,         // e4m3 with one scale a row; unpacked for each product
  kFp8Compute,  // e4m3 with one scale a row; products in e4m3 too
};

// "bf16", "fp8", "fp8_compute".
[[nodiscard]] absl::string_view WeightFormName(WeightForm form);

// The inverse; nullopt for another text.
[[nodiscard]] std::optional<WeightForm> ParseWeightForm(absl::string_view text);

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_WEIGHT_FORM_H_
