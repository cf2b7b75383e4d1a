#include "stage/train/sample_store.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <memory>

#include "common/base/status.h"
#include "common/model/model_spec.h"
#include "common/store/safetensors_writer.h"
#include "stage/kernels/tensor_bridge.h"
#include "stage/kernels/torch_guard.h"

namespace halfpipe {
namespace {

absl::Status NotASample(const std::string& path, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat(path, ": ", what,
                   "; it is no cache file of this version: delete it and it "
                   "will be made again"));
}

at::Tensor TakeIfThere(std::map<std::string, at::Tensor>* tensors,
                       const std::string& name) {
  auto it = tensors->find(name);
  return it == tensors->end() ? at::Tensor() : it->second;
}

}  // namespace

absl::Status WriteTensorFile(
    const std::string& path, const NamedTensors& tensors,
    const std::map<std::string, std::string>& metadata) {
  return TorchGuard(path, [&]() -> absl::Status {
    std::vector<at::Tensor> kept_alive;
    std::vector<TensorToWrite> rows;
    for (const auto& [name, tensor] : tensors) {
      kept_alive.push_back(tensor.detach().cpu().contiguous());
      const at::Tensor& copy = kept_alive.back();
      HP_ASSIGN_OR_RETURN(DType dtype, ToDType(copy.scalar_type()));
      rows.push_back({.name = name,
                      .dtype = dtype,
                      .shape = ShapeOf(copy),
                      .data = copy.const_data_ptr()});
    }
    return WriteSafetensors(path, rows, metadata);
  });
}

absl::StatusOr<at::Tensor> ReadArchivedTensor(const TensorArchive& archive,
                                              const std::string& name) {
  return TorchGuard(archive.path(), [&]() -> absl::StatusOr<at::Tensor> {
    auto it = archive.tensors().find(name);
    if (it == archive.tensors().end()) {
      return absl::NotFoundError(
          absl::StrCat(archive.path(), ": no tensor '", name, "'"));
    }
    at::Tensor tensor = at::empty(
        it->second.shape, at::TensorOptions(ToScalarType(it->second.dtype)));
    HP_RETURN_IF_ERROR(archive.Read(name, tensor.data_ptr()));
    return tensor;
  });
}

absl::StatusOr<std::map<std::string, at::Tensor>> ReadArchivedTensors(
    const TensorArchive& archive) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, entry] : archive.tensors()) {
    HP_ASSIGN_OR_RETURN(tensors[name], ReadArchivedTensor(archive, name));
  }
  return tensors;
}

absl::StatusOr<std::map<std::string, at::Tensor>> ReadTensorFile(
    const std::string& path) {
  HP_ASSIGN_OR_RETURN(std::unique_ptr<TensorArchive> archive,
                      OpenTensorArchive(path));
  return ReadArchivedTensors(*archive);
}

absl::Status WriteLatentSample(const std::string& path,
                               const LatentSample& sample) {
  NamedTensors tensors = {{"latents", sample.latents.to(at::kFloat)}};
  if (sample.y.defined()) tensors.emplace_back("y", sample.y.to(at::kFloat));
  if (sample.clip_feature.defined()) {
    tensors.emplace_back("clip_feature", sample.clip_feature.to(at::kFloat));
  }
  return WriteTensorFile(path, tensors);
}

absl::StatusOr<LatentSample> ReadLatentSample(const std::string& path) {
  HP_ASSIGN_OR_RETURN(auto tensors, ReadTensorFile(path));
  LatentSample sample{.latents = TakeIfThere(&tensors, "latents"),
                      .y = TakeIfThere(&tensors, "y"),
                      .clip_feature = TakeIfThere(&tensors, "clip_feature")};
  if (!sample.latents.defined() || sample.latents.dim() != 5) {
    return NotASample(path, "no tensor 'latents' of 5 dimensions");
  }
  return sample;
}

absl::Status WriteContext(const std::string& path, const at::Tensor& context,
                          int64_t length) {
  return WriteTensorFile(
      path, {{"context", context.narrow(1, 0, length).to(at::kBFloat16)}});
}

absl::StatusOr<at::Tensor> ReadContext(const std::string& path) {
  HP_ASSIGN_OR_RETURN(auto tensors, ReadTensorFile(path));
  const at::Tensor stored = TakeIfThere(&tensors, "context");
  if (!stored.defined() || stored.dim() != 3 || stored.size(1) > kTextTokens) {
    return NotASample(path, absl::StrCat("no tensor 'context' of at most ",
                                         kTextTokens, " rows"));
  }
  at::Tensor padded =
      at::zeros({1, kTextTokens, stored.size(2)}, stored.options());
  padded.narrow(1, 0, stored.size(1)).copy_(stored);
  return padded;
}

}  // namespace halfpipe
