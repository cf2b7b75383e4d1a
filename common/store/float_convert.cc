#include "common/store/float_convert.h"

#include <bit>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {

uint16_t FloatToBF16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return 0x7fc0;
  // Half of the dropped unit, minus one when the kept part is even: carries
  // exactly for what lies above the middle, or on it with an odd kept part.
  bits += 0x7fff + (bits >> 16 & 1);
  return static_cast<uint16_t>(bits >> 16);
}

float BF16ToFloat(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

float F16ToFloat(uint16_t bits) {
  const float sign = (bits & 0x8000) != 0 ? -1.0f : 1.0f;
  const int exponent = bits >> 10 & 0x1f;
  const int mantissa = bits & 0x3ff;
  if (exponent == 0x1f) return mantissa != 0 ? NAN : sign * INFINITY;
  if (exponent == 0)
    return sign * std::ldexp(static_cast<float>(mantissa), -24);
  return sign * std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
}

absl::StatusOr<std::vector<float>> ReadFloats(const TensorArchive& archive,
                                              absl::string_view name) {
  auto it = archive.tensors().find(std::string(name));
  if (it == archive.tensors().end()) {
    return archive.Read(name, nullptr);  // NotFound, with the nearest name
  }
  const ArchivedTensor& tensor = it->second;
  std::vector<float> values(tensor.bytes / SizeOf(tensor.dtype));
  if (tensor.dtype == DType::kF32) {
    HP_RETURN_IF_ERROR(archive.Read(name, values.data()));
    return values;
  }
  if (tensor.dtype != DType::kBF16 && tensor.dtype != DType::kF16) {
    return absl::InvalidArgumentError(
        absl::StrCat(tensor.file, ": tensor '", name, "' is ",
                     DTypeName(tensor.dtype), "; expected F32, BF16 or F16"));
  }
  std::vector<uint16_t> halves(values.size());
  HP_RETURN_IF_ERROR(archive.Read(name, halves.data()));
  auto* convert = tensor.dtype == DType::kBF16 ? BF16ToFloat : F16ToFloat;
  for (size_t i = 0; i < halves.size(); ++i) values[i] = convert(halves[i]);
  return values;
}

}  // namespace halfpipe
