#include "stage/encoders/weight_loader.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "stage/kernels/stored_scale.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/kernels/torch_guard.h"

namespace halfpipe {
namespace {

constexpr int64_t kStagingBytes = int64_t{64} << 20;
// Of fp8 values, of which products in fp32 are made too.
constexpr int64_t kScaledStagingBytes = int64_t{8} << 20;

bool IsPlainFloat(DType dtype) {
  return dtype == DType::kF16 || dtype == DType::kBF16 ||
         dtype == DType::kF32 || dtype == DType::kF64;
}

bool Matches(const Shape& shape, const Shape& expected) {
  return std::equal(shape.begin(), shape.end(), expected.begin(),
                    expected.end(), [](int64_t found, int64_t wanted) {
                      return wanted == kAnySize || found == wanted;
                    });
}

// Reads the tensor piece by piece into `flat`, a view of the destination.
absl::Status ReadInto(const TensorArchive& archive, const std::string& name,
                      at::ScalarType source_type, const at::Tensor& flat) {
  const int64_t element = static_cast<int64_t>(c10::elementSize(source_type));
  if (flat.device().is_cpu() && flat.scalar_type() == source_type) {
    return archive.Read(name, flat.data_ptr());
  }
  const int64_t step = std::min(flat.numel(), kStagingBytes / element);
  at::Tensor staging = at::empty({step}, source_type);
  for (int64_t begin = 0; begin < flat.numel(); begin += step) {
    const int64_t count = std::min(step, flat.numel() - begin);
    HP_RETURN_IF_ERROR(archive.ReadRange(name, begin * element, count * element,
                                         staging.data_ptr()));
    // Blocking, so that the staging buffer is free for the next piece.
    flat.narrow(0, begin, count).copy_(staging.narrow(0, 0, count));
  }
  return absl::OkStatus();
}

// Likewise, of fp8 values and their scales (rows, blocks), whole rows at a
// time. `result` is the destination.
absl::Status ReadScaledInto(const TensorArchive& archive,
                            const std::string& name, at::ScalarType source_type,
                            const at::Tensor& scales,
                            const at::Tensor& result) {
  const int64_t rows = result.size(0);
  if (result.numel() == 0) return absl::OkStatus();
  const int64_t width = result.numel() / rows;
  const at::Tensor matrix = result.view({rows, width});
  const int64_t step =
      std::clamp<int64_t>(kScaledStagingBytes / width, 1, rows);
  const at::Tensor staging = at::empty({step, width}, source_type);
  for (int64_t begin = 0; begin < rows; begin += step) {
    const int64_t count = std::min(step, rows - begin);
    HP_RETURN_IF_ERROR(archive.ReadRange(name, begin * width, count * width,
                                         staging.data_ptr()));
    matrix.narrow(0, begin, count)
        .copy_(TimesScale(staging.narrow(0, 0, count),
                          scales.narrow(0, begin, count)));
  }
  return absl::OkStatus();
}

}  // namespace

WeightLoader::WeightLoader(const TensorArchive& archive,
                           std::map<std::string, std::string> names,
                           at::Device device, at::ScalarType dtype,
                           std::optional<Quantisation> quantised)
    : archive_(archive),
      names_(std::move(names)),
      device_(device),
      dtype_(dtype),
      quantised_(std::move(quantised)) {}

bool WeightLoader::Has(const std::string& name) const {
  return names_.contains(name);
}

bool WeightLoader::HasPrefix(const std::string& prefix) const {
  const auto it = names_.lower_bound(prefix);
  return it != names_.end() && it->first.starts_with(prefix);
}

absl::Status WeightLoader::CheckLayersEnd(const std::string& prefix,
                                          int64_t count) const {
  for (auto it = names_.lower_bound(prefix);
       it != names_.end() && it->first.starts_with(prefix); ++it) {
    const absl::string_view rest =
        absl::string_view(it->first).substr(prefix.size());
    int64_t index = 0;
    if (!absl::SimpleAtoi(rest.substr(0, rest.find('.')), &index) ||
        index < count) {
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat(archive_.path(), ": tensor '", it->second,
                     "' is there, but nothing of '", prefix, count,
                     "'; the file is not whole: download it again"));
  }
  return absl::OkStatus();
}

absl::StatusOr<const ArchivedTensor*> WeightLoader::Find(
    const std::string& name) const {
  const auto it = names_.find(name);
  if (it == names_.end()) {
    return absl::NotFoundError(
        absl::StrCat(archive_.path(), ": tensor '", name,
                     "' is missing; is this the right checkpoint?"));
  }
  return &archive_.tensors().at(it->second);
}

absl::StatusOr<int64_t> WeightLoader::Size(const std::string& name,
                                           size_t dimension) const {
  HP_ASSIGN_OR_RETURN(const ArchivedTensor* tensor, Find(name));
  if (dimension >= tensor->shape.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(archive_.path(), ": tensor '", name, "' has shape ",
                     ShapeString(tensor->shape), ", expected at least ",
                     dimension + 1, " dimensions"));
  }
  return tensor->shape[dimension];
}

absl::StatusOr<at::Tensor> WeightLoader::Load(const std::string& name,
                                              const Shape& expected) const {
  HP_ASSIGN_OR_RETURN(const ArchivedTensor* tensor, Find(name));
  const std::string where =
      absl::StrCat(archive_.path(), ": tensor '", names_.at(name), "'");
  if (!Matches(tensor->shape, expected)) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, " has shape ", ShapeString(tensor->shape),
                     ", expected ", ShapeString(expected), " (-1: any)"));
  }
  HP_RETURN_IF_ERROR(CheckDType(where, tensor->dtype));
  const std::string& stored = names_.at(name);
  return TorchGuard(where, [&]() -> absl::StatusOr<at::Tensor> {
    at::Tensor result = at::empty(
        tensor->shape, at::TensorOptions().dtype(dtype_).device(device_));
    if (device_.is_meta()) return result;
    const at::ScalarType type = ToScalarType(tensor->dtype);
    const int64_t rows = tensor->shape.empty() ? 1 : tensor->shape[0];
    HP_ASSIGN_OR_RETURN(const at::Tensor scales, ScalesOf(stored, rows));
    HP_RETURN_IF_ERROR(
        scales.defined()
            ? ReadScaledInto(archive_, stored, type, scales, result)
            : ReadInto(archive_, stored, type, result.view({-1})));
    return result;
  });
}

absl::Status WeightLoader::CheckDType(const std::string& where,
                                      DType dtype) const {
  if (IsPlainFloat(dtype)) return absl::OkStatus();
  if (quantised_ && IsFp8(dtype)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      where, " is ", DTypeName(dtype), ", expected BF16, F16, F32 or F64",
      quantised_ ? ", F8_E4M3 or F8_E5M2; download such a file"
                 : "; use an unquantised checkpoint"));
}

absl::StatusOr<at::Tensor> WeightLoader::ScalesOf(const std::string& stored,
                                                  int64_t rows) const {
  if (!quantised_) return at::Tensor();
  const auto found = quantised_->scales.find(stored);
  if (found == quantised_->scales.end()) return at::Tensor();
  const ArchivedTensor& tensor = archive_.tensors().at(found->second);
  const at::Tensor scale = at::empty(tensor.shape, ToScalarType(tensor.dtype));
  HP_RETURN_IF_ERROR(archive_.Read(found->second, scale.data_ptr()));
  return ScaleGrid(scale, rows);
}

}  // namespace halfpipe
