#include "stage/wan/layer_loader.h"

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
      uniform_(uniform) {
  if (placement.weights != WeightForm::kBf16) {
    scratch_ = std::make_shared<WeightScratch>();
  }
}

absl::StatusOr<LinearWeights> LayerLoader::Frozen(
    const std::string& name) const {
  LinearWeights weights;
  HP_ASSIGN_OR_RETURN(
      weights.weight,
      source_->Load(name + ".weight", placement_.compute, placement_.device));
  HP_ASSIGN_OR_RETURN(weights.bias, Float(name + ".bias"));
  return weights;
}

absl::StatusOr<LoraLinear::Member> LayerLoader::LoadMember(
    const std::string& name) const {
  const std::string weight = name + ".weight";
  LoraLinear::Member member;
  HP_ASSIGN_OR_RETURN(
      member.base.bias,
      source_->Load(name + ".bias", placement_.compute, placement_.device));
  if (placement_.weights == WeightForm::kBf16) {
    HP_ASSIGN_OR_RETURN(
        member.base.weight,
        source_->Load(weight, placement_.compute, placement_.device));
    return member;
  }
  HP_ASSIGN_OR_RETURN(Fp8Matrix quantised,
                      source_->LoadQuantised(weight, placement_.device));
  member.base.weight = std::move(quantised.values);
  member.scales = std::move(quantised.scales);
  return member;
}

absl::StatusOr<LoraLinear> LayerLoader::Adapted(
    const std::vector<std::string>& names) const {
  std::vector<LoraLinear::Member> members;
  members.reserve(names.size());
  for (const std::string& name : names) {
    HP_ASSIGN_OR_RETURN(LoraLinear::Member member, LoadMember(name));
    if (lora_.has_value() && lora_->Matches(name)) {
      const at::Tensor& weight = member.base.weight;
      member.adapter = std::make_unique<LoraAdapter>(
          MakeLoraAdapter(name, weight.size(1), weight.size(0), lora_->rank,
                          lora_->scale(), placement_.device, *uniform_));
    }
    members.push_back(std::move(member));
  }
  return LoraLinear(std::move(members), placement_.weights, scratch_);
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
