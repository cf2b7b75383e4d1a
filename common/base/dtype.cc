#include "common/base/dtype.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

struct DTypeRow {
  DType dtype;
  const char* name;
  size_t bytes;
};

constexpr std::array<DTypeRow, 12> kDTypes = {{
    {DType::kBool, "BOOL", 1},
    {DType::kU8, "U8", 1},
    {DType::kI8, "I8", 1},
    {DType::kI16, "I16", 2},
    {DType::kI32, "I32", 4},
    {DType::kI64, "I64", 8},
    {DType::kF8E4M3, "F8_E4M3", 1},
    {DType::kF8E5M2, "F8_E5M2", 1},
    {DType::kF16, "F16", 2},
    {DType::kBF16, "BF16", 2},
    {DType::kF32, "F32", 4},
    {DType::kF64, "F64", 8},
}};

const DTypeRow& RowOf(DType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype) return row;
  }
  CheckFailed(__FILE__, __LINE__, "dtype is listed");
}

}  // namespace

size_t SizeOf(DType dtype) { return RowOf(dtype).bytes; }

absl::string_view DTypeName(DType dtype) { return RowOf(dtype).name; }

std::optional<DType> ParseDType(absl::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (name == row.name) return row.dtype;
  }
  return std::nullopt;
}

int64_t ElementCount(const Shape& shape) {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  return count;
}

std::string ShapeString(const Shape& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::string_view WeightFormName(WeightForm form) {
  switch (form) {
    case WeightForm::kBf16:
      break;
    case WeightForm::kFp8:
      return "fp8";
    case WeightForm::kFp8Compute:
      return "fp8_compute";
  }
  return "bf16";
}

std::optional<WeightForm> ParseWeightForm(absl::string_view text) {
  for (const WeightForm form :
       {WeightForm::kBf16, WeightForm::kFp8, WeightForm::kFp8Compute}) {
    if (text == WeightFormName(form)) return form;
  }
  return std::nullopt;
}

}  // namespace halfpipe
