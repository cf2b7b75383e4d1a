#include "stage/kernels/tensor_bridge.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr std::array<std::pair<DType, at::ScalarType>, 12> kTypes = {{
    {DType::kBool, at::kBool},
    {DType::kU8, at::kByte},
    {DType::kI8, at::kChar},
    {DType::kI16, at::kShort},
    {DType::kI32, at::kInt},
    {DType::kI64, at::kLong},
    {DType::kF8E4M3, at::kFloat8_e4m3fn},
    {DType::kF8E5M2, at::kFloat8_e5m2},
    {DType::kF16, at::kHalf},
    {DType::kBF16, at::kBFloat16},
    {DType::kF32, at::kFloat},
    {DType::kF64, at::kDouble},
}};

}  // namespace

at::ScalarType ToScalarType(DType dtype) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == dtype) return theirs;
  }
  CheckFailed(__FILE__, __LINE__, "dtype is listed");
}

absl::StatusOr<DType> ToDType(at::ScalarType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) return ours;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no element type for torch's ", c10::toString(type)));
}

Shape ShapeOf(const at::Tensor& tensor) {
  return Shape(tensor.sizes().begin(), tensor.sizes().end());
}

size_t ByteSize(const at::Tensor& tensor) {
  return static_cast<size_t>(tensor.numel()) * tensor.element_size();
}

absl::Status CheckShape(absl::string_view name, const at::Tensor& tensor,
                        const Shape& expected) {
  if (tensor.defined() && ShapeOf(tensor) == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, ": expected shape ", ShapeString(expected), ", found ",
      tensor.defined() ? ShapeString(ShapeOf(tensor)) : "no tensor"));
}

}  // namespace halfpipe
