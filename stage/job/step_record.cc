#include "stage/job/step_record.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>

#include "common/base/file.h"
#include "common/base/status.h"
#include "stage/job/golden_file.h"
#include "stage/train/sample_store.h"

namespace halfpipe {
namespace {

std::string StepPrefix(const StepPlan& plan) {
  return absl::StrCat(plan.record_dir, "/step-", plan.step.value());
}

}  // namespace

absl::Status RecordMicrobatch(const MicrobatchRecord& record) {
  const StepPlan& plan = *record.plan;
  const MicrobatchData& data = *record.data;
  HP_RETURN_IF_ERROR(MakeDirectories(plan.record_dir));
  NamedTensors tensors = {
      {"latents", data.latents},
      {"noise", data.noise},
      {"timestep", data.inputs.timestep},
      {"weight", at::full({}, data.loss_weight, at::kFloat)},
      {"context", data.inputs.context},
      {"target", data.target},
      {"loss", record.loss * data.loss_weight}};
  if (data.inputs.y.defined()) tensors.emplace_back("y", data.inputs.y);
  if (data.inputs.clip_feature.defined()) {
    tensors.emplace_back("clip_feature", data.inputs.clip_feature);
  }
  return WriteTensorFile(
      absl::StrCat(StepPrefix(plan), "-mb-", record.microbatch.value(),
                   ".safetensors"),
      tensors);
}

absl::Status RecordGradients(const StepPlan& plan, Rank rank,
                             const std::vector<LoraAdapter*>& adapters) {
  HP_RETURN_IF_ERROR(MakeDirectories(plan.record_dir));
  NamedTensors tensors;
  for (const LoraAdapter* adapter : adapters) {
    for (bool is_b : {false, true}) {
      const LoraParameter& parameter = is_b ? adapter->b : adapter->a;
      const std::string key = GoldenLoraKey(adapter->module, is_b);
      tensors.emplace_back("lora." + key, parameter.master);
      tensors.emplace_back("grad." + key, parameter.grad);
    }
  }
  return WriteTensorFile(
      absl::StrCat(StepPrefix(plan), "-stage-", rank.value(), ".safetensors"),
      tensors);
}

}  // namespace halfpipe
