#include "common/store/float_convert.h"

#include <bit>
#include <cmath>
#include <cstring>

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

uint16_t FloatToF16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  if (std::isnan(value)) return sign | 0x7e00;
  const float magnitude = std::fabs(value);
  if (magnitude >= 65520.0f) return sign | 0x7c00;  // rounds past the largest
  if (magnitude < 0x1p-14f) {
    // Subnormal: whole multiples of 2^-24; nearbyint rounds ties to even.
    return sign |
           static_cast<uint16_t>(std::nearbyint(std::ldexp(magnitude, 24)));
  }
  // As in FloatToBF16, with 13 bits dropped and the exponent's bias moved.
  uint32_t rounded = bits & 0x7fffffff;
  rounded += 0xfff + (rounded >> 13 & 1);
  return sign | static_cast<uint16_t>((rounded >> 13) - ((127 - 15) << 10));
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

bool IsFloatingPoint(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16;
}

void DecodeFloats(DType dtype, const void* bytes, size_t count, float* values) {
  if (dtype == DType::kF32) {
    std::memcpy(values, bytes, count * sizeof(float));
    return;
  }
  HP_CHECK(IsFloatingPoint(dtype));
  auto* convert = dtype == DType::kBF16 ? BF16ToFloat : F16ToFloat;
  const char* cursor = static_cast<const char*>(bytes);
  for (size_t i = 0; i < count; ++i, cursor += sizeof(uint16_t)) {
    uint16_t half = 0;
    std::memcpy(&half, cursor, sizeof(half));
    values[i] = convert(half);
  }
}

void EncodeFloats(DType dtype, const float* values, size_t count, void* bytes) {
  if (dtype == DType::kF32) {
    std::memcpy(bytes, values, count * sizeof(float));
    return;
  }
  HP_CHECK(IsFloatingPoint(dtype));
  auto* convert = dtype == DType::kBF16 ? FloatToBF16 : FloatToF16;
  char* cursor = static_cast<char*>(bytes);
  for (size_t i = 0; i < count; ++i, cursor += sizeof(uint16_t)) {
    const uint16_t half = convert(values[i]);
    std::memcpy(cursor, &half, sizeof(half));
  }
}

absl::StatusOr<std::vector<float>> ReadFloats(const TensorArchive& archive,
                                              absl::string_view name) {
  auto it = archive.tensors().find(std::string(name));
  if (it == archive.tensors().end()) {
    return archive.Read(name, nullptr);  // NotFound, with the nearest name
  }
  const ArchivedTensor& tensor = it->second;
  if (!IsFloatingPoint(tensor.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat(tensor.file, ": tensor '", name, "' is ",
                     DTypeName(tensor.dtype), "; expected F32, BF16 or F16"));
  }
  std::vector<float> values(tensor.bytes / SizeOf(tensor.dtype));
  if (tensor.dtype == DType::kF32) {
    HP_RETURN_IF_ERROR(archive.Read(name, values.data()));
    return values;
  }
  std::string halves(tensor.bytes, '\0');
  HP_RETURN_IF_ERROR(archive.Read(name, halves.data()));
  DecodeFloats(tensor.dtype, halves.data(), values.size(), values.data());
  return values;
}

}  // namespace halfpipe
