#include "common/wan/layer_loader.h"

#include <memory>
#include <utility>

#include "common/base/status.h"

namespace halfpipe {

LayerLoader::LayerLoader(const WeightSource* source,
                         const LoraPlacement& placement,
                         std::optional<LoraSpec> lora,
                         const UniformSource* uniform)
    : source_(source),
      placement_(placement),
      lora_(std::move(lora)),
      uniform_(uniform) {}

absl::StatusOr<LinearWeights> LayerLoader::LoadLinear(
    const std::string& name, at::ScalarType dtype) const {
  LinearWeights weights;
  HP_ASSIGN_OR_RETURN(weights.weight, source_->Load(name + ".weight", dtype,
                                                    placement_.device));
  HP_ASSIGN_OR_RETURN(weights.bias,
                      source_->Load(name + ".bias", dtype, placement_.device));
  return weights;
}

absl::StatusOr<LinearWeights> LayerLoader::Frozen(
    const std::string& name) const {
  return LoadLinear(name, at::kFloat);
}

absl::StatusOr<LoraLinear> LayerLoader::Adapted(const std::string& name) const {
  HP_ASSIGN_OR_RETURN(LinearWeights base, LoadLinear(name, placement_.compute));
  std::unique_ptr<LoraAdapter> adapter;
  if (lora_.has_value() && lora_->Matches(name)) {
    adapter = std::make_unique<LoraAdapter>(
        MakeLoraAdapter(name, base.weight.size(1), base.weight.size(0),
                        lora_->rank, lora_->scale(), placement_, *uniform_));
  }
  return LoraLinear(std::move(base), std::move(adapter));
}

absl::StatusOr<NormWeights> LayerLoader::Norm(const std::string& name) const {
  NormWeights norm;
  HP_ASSIGN_OR_RETURN(norm.weight, Float(name + ".weight"));
  HP_ASSIGN_OR_RETURN(norm.bias, Float(name + ".bias"));
  return norm;
}

absl::StatusOr<at::Tensor> LayerLoader::Float(const std::string& name) const {
  return source_->Load(name, at::kFloat, placement_.device);
}

}  // namespace halfpipe
