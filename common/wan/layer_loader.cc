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

absl::StatusOr<LoraLinear> LayerLoader::Adapted(
    const std::vector<std::string>& names) const {
  std::vector<LoraLinear::Member> members;
  for (const std::string& name : names) {
    LoraLinear::Member member;
    HP_ASSIGN_OR_RETURN(member.base, LoadLinear(name, placement_.compute));
    if (lora_.has_value() && lora_->Matches(name)) {
      const at::Tensor& weight = member.base.weight;
      member.adapter = std::make_unique<LoraAdapter>(
          MakeLoraAdapter(name, weight.size(1), weight.size(0), lora_->rank,
                          lora_->scale(), placement_.device, *uniform_));
    }
    members.push_back(std::move(member));
  }
  return LoraLinear(std::move(members));
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
