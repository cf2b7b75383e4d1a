#include "stage/wan/weight_source.h"

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>

#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "stage/kernels/stored_scale.h"

namespace halfpipe {
namespace {

// FNV-1a, so that a tensor's numbers do not depend on which others are made.
uint64_t SeedFor(uint64_t seed, absl::string_view name) {
  uint64_t hash = 14695981039346656037u ^ seed;
  for (char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  }
  return hash;
}

}  // namespace

WeightReader& CheckpointWeights::ReaderFor(const at::Device& device) const {
  if (reader_ == nullptr || reader_->device() != device) {
    reader_.reset();
    reader_ =
        std::make_unique<WeightReader>(checkpoint_->archive.get(), device);
  }
  return *reader_;
}

void CheckpointWeights::BeginLoads(const std::vector<std::string>& native_names,
                                   const at::Device& device) const {
  const auto& tensors = checkpoint_->variant.tensors;
  std::vector<std::string> stored;
  for (const std::string& name : native_names) {
    auto it = tensors.find(name);
    if (it == tensors.end()) continue;
    stored.push_back(it->second.name);
    if (!it->second.scale_name.empty()) stored.push_back(it->second.scale_name);
  }
  ReaderFor(device).Expect(std::move(stored));
}

absl::StatusOr<at::Tensor> CheckpointWeights::ReadStored(
    const std::string& name, const at::Device& device) const {
  HP_ASSIGN_OR_RETURN(at::Tensor tensor, ReaderFor(device).Read(name));
  bytes_read_ += static_cast<int64_t>(tensor.nbytes());
  return tensor;
}

absl::StatusOr<Fp8Matrix> CheckpointWeights::ReadQuantised(
    const StoredTensor& stored, const at::Device& device) const {
  Fp8Matrix quantised;
  HP_ASSIGN_OR_RETURN(quantised.values, ReadStored(stored.name, device));
  const int64_t rows = quantised.values.size(0);
  at::Tensor scale =
      at::ones({1}, quantised.values.options().dtype(at::kFloat));
  if (!stored.scale_name.empty()) {
    HP_ASSIGN_OR_RETURN(scale, ReadStored(stored.scale_name, device));
  }
  quantised.scales = ScaleGrid(scale, rows).squeeze(1).contiguous();
  return quantised;
}

absl::StatusOr<at::Tensor> CheckpointWeights::Load(
    absl::string_view native_name, at::ScalarType dtype,
    const at::Device& device) const {
  const auto& tensors = checkpoint_->variant.tensors;
  auto it = tensors.find(std::string(native_name));
  if (it == tensors.end()) {
    return absl::NotFoundError(absl::StrCat(checkpoint_->archive->path(),
                                            ": no tensor ", native_name));
  }
  const StoredTensor& stored = it->second;
  if (stored.scale_name.empty()) {
    HP_ASSIGN_OR_RETURN(at::Tensor tensor, ReadStored(stored.name, device));
    return tensor.to(dtype);
  }
  HP_ASSIGN_OR_RETURN(at::Tensor values, ReadStored(stored.name, device));
  HP_ASSIGN_OR_RETURN(at::Tensor scale, ReadStored(stored.scale_name, device));
  const int64_t rows = values.size(0);
  const at::Tensor grid = ScaleGrid(scale, rows);
  if (values.scalar_type() != at::kFloat8_e4m3fn || grid.size(1) != 1) {
    return TimesScale(values, grid).to(dtype);
  }
  // Rows of any shape: a patch embedding's kernel has five axes.
  at::Tensor tensor = at::empty(values.sizes(), values.options().dtype(dtype));
  Dequantise({values.view({rows, -1}), grid.squeeze(1).contiguous()},
             tensor.view({rows, -1}));
  return tensor;
}

absl::StatusOr<Fp8Matrix> WeightSource::LoadQuantised(
    absl::string_view native_name, const at::Device& device) const {
  // Rounded to the compute dtype first: that is what else would be multiplied.
  HP_ASSIGN_OR_RETURN(const at::Tensor tensor,
                      Load(native_name, at::kBFloat16, device));
  return QuantiseRows(tensor);
}

absl::StatusOr<Fp8Matrix> CheckpointWeights::LoadQuantised(
    absl::string_view native_name, const at::Device& device) const {
  const auto& tensors = checkpoint_->variant.tensors;
  auto it = tensors.find(std::string(native_name));
  if (it != tensors.end() && it->second.dtype == DType::kF8E4M3 &&
      it->second.shape.size() == 2 && !HasBlockScale(it->second)) {
    return ReadQuantised(it->second, device);
  }
  return WeightSource::LoadQuantised(native_name, device);
}

bool CheckpointWeights::HasBlockScale(const StoredTensor& stored) const {
  return !stored.scale_name.empty() &&
         checkpoint_->archive->tensors().at(stored.scale_name).shape.size() > 2;
}

RandomWeights::RandomWeights(const ModelSpec& model_spec, uint64_t seed)
    : model_spec_(model_spec), shapes_(WanTensors(model_spec)), seed_(seed) {}

absl::StatusOr<at::Tensor> RandomWeights::Load(absl::string_view native_name,
                                               at::ScalarType dtype,
                                               const at::Device& device) const {
  auto it = shapes_.find(std::string(native_name));
  if (it == shapes_.end()) {
    return absl::NotFoundError(
        absl::StrCat("random weights: no tensor ", native_name));
  }
  const Shape& shape = it->second;
  const bool is_norm_weight =
      shape.size() == 1 && absl::EndsWith(native_name, ".weight");
  double spread = 0.02;
  if (shape.size() > 1) {
    const int64_t in =
        shape.size() == 3 ? shape[2] : ElementCount(shape) / shape[0];
    spread = 1.0 / std::sqrt(static_cast<double>(in));
  }
  at::Generator generator =
      at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(SeedFor(seed_, native_name));
  at::Tensor tensor =
      at::empty(shape, at::TensorOptions().dtype(dtype).device(device));
  tensor.normal_(0.0, spread, generator);
  if (is_norm_weight) tensor.add_(1.0);
  return tensor;
}

}  // namespace halfpipe
