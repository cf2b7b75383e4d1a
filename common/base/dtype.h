// Element types and tensor shapes as plain values, for the layers that must
// not know libtorch. Names are those of the safetensors format.
#ifndef HP_COMMON_BASE_DTYPE_H_
#define HP_COMMON_BASE_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace halfpipe {

enum class DType : uint8_t {
  kBool,
  kU8,
  kI8,
  kI16,
  kI32,
  kI64,
  kF8E4M3,
  kF8E5M2,
  kF16,
  kBF16,
  kF32,
  kF64,
};

// Bytes of one element.
[[nodiscard]] size_t SizeOf(DType dtype);

// "BF16", "F8_E4M3", ...; never fails.
[[nodiscard]] absl::string_view DTypeName(DType dtype);

// The inverse of DTypeName; nullopt for a name that is not listed above.
[[nodiscard]] std::optional<DType> ParseDType(absl::string_view name);

// Sizes of each dimension, outermost first; an empty shape is a scalar.
using Shape = std::vector<int64_t>;

// Product of the sizes (1 for a scalar). REQUIRES: no negative size and no
// overflow, which every reader of foreign files checks first.
[[nodiscard]] int64_t ElementCount(const Shape& shape);

// "[2, 16, 5]" for messages.
[[nodiscard]] std::string ShapeString(const Shape& shape);

// How a model's frozen block weights are held and multiplied.
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

#endif  // HP_COMMON_BASE_DTYPE_H_
