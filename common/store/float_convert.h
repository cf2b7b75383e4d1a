// Conversions between fp32 and the 16-bit types, without a tensor library.
#ifndef HP_COMMON_STORE_FLOAT_CONVERT_H_
#define HP_COMMON_STORE_FLOAT_CONVERT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/dtype.h"
#include "common/store/tensor_archive.h"

namespace halfpipe {

// Round to nearest, ties to even, as torch casts; a NaN stays a (quiet) NaN.
[[nodiscard]] uint16_t FloatToBF16(float value);

// The same for IEEE half precision; what is too large becomes an infinity.
[[nodiscard]] uint16_t FloatToF16(float value);

// Exact.
[[nodiscard]] float BF16ToFloat(uint16_t bits);
[[nodiscard]] float F16ToFloat(uint16_t bits);

// F32, BF16 and F16: what the functions below take.
[[nodiscard]] bool IsFloatingPoint(DType dtype);

// `count` elements of `dtype` as floats, exactly, and back with the rounding
// above. Neither pointer needs an alignment. REQUIRES: IsFloatingPoint(dtype).
void DecodeFloats(DType dtype, const void* bytes, size_t count, float* values);
void EncodeFloats(DType dtype, const float* values, size_t count, void* bytes);

// All elements of a stored F32, BF16 or F16 tensor, exactly. InvalidArgument
// for another dtype; else the codes of TensorArchive::Read.
[[nodiscard]] absl::StatusOr<std::vector<float>> ReadFloats(
    const TensorArchive& archive, absl::string_view name);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_FLOAT_CONVERT_H_
