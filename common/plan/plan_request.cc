#include "common/plan/plan_request.h"

#include <algorithm>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/model/model_spec.h"

namespace halfpipe {
ClipShape LargestClip(const DataConfig& data, const ModelSpec& model) {
  const int64_t rows = model.height_unit();
  const int64_t columns = model.width_unit();
  ClipShape clip;
  clip.latent_frames = LatentFrames(data.frames);
  clip.tokens_per_frame = data.height > 0 && data.width > 0
                              ? (data.height / rows) * (data.width / columns)
                              : data.max_pixels / (rows * columns);
  clip.context_tokens = model.context_tokens();
  return clip;
}

int64_t LoraParameters(const ModelSpec& model, const LoraConfig& lora) {
  ModelSpec block = model;
  block.layers = 1;
  const std::map<std::string, Shape> tensors = WanTensors(block);
  const auto parameters_of = [&](const std::string& linear,
                                 const Shape& weight) {
    return lora.Matches(linear) ? lora.rank * (weight[0] + weight[1]) : 0;
  };
  int64_t parameters = 0;
  for (const std::string& linear : BlockLinears(block)) {
    parameters += parameters_of(
        linear, tensors.at(absl::StrCat("blocks.0.", linear, ".weight")));
  }
  parameters *= model.layers;
  for (const ExtraModule& module : model.extra_modules) {
    for (const std::string& linear : module.linears) {
      parameters += parameters_of(module.prefix + linear,
                                  module.tensors.at(linear + ".weight"));
    }
  }
  return parameters;
}

std::vector<int64_t> HostBudgets(const PipelineConfig& pipeline,
                                 const std::vector<int64_t>& available_bytes) {
  std::vector<int64_t> budgets;
  budgets.reserve(available_bytes.size());
  for (int64_t available : available_bytes) {
    budgets.push_back(
        pipeline.host_memory_bytes > 0
            ? pipeline.host_memory_bytes
            : std::max<int64_t>(0, available - kHostReserveBytes));
  }
  return budgets;
}

absl::StatusOr<PlanRequest> MakePlanRequest(
    const JobConfig& config, const ModelSpec& model,
    const std::vector<DeviceRates>& devices,
    const std::vector<int64_t>& available_host_bytes) {
  const PipelineConfig& pipeline = config.pipeline;
  if (pipeline.dtype != ComputeDType::kBf16) {
    return absl::InvalidArgumentError(
        "pipeline.dtype: plans are made for bf16; there are no rates for fp32");
  }
  PlanRequest request;
  request.model = model;
  request.clip = LargestClip(config.data, model);
  request.weights = config.model.weights;
  request.lora_rank = config.lora.rank;
  request.lora_parameters = LoraParameters(model, config.lora);
  request.schedule.name = pipeline.schedule;
  request.schedule.microbatches =
      static_cast<int32_t>(config.train.micro_batches);
  request.schedule.stages = static_cast<int>(pipeline.stages);
  request.fixed_warmup = pipeline.warmup.has_value();
  if (pipeline.warmup.has_value()) {
    request.schedule.warmup = {static_cast<int32_t>((*pipeline.warmup)[0]),
                               static_cast<int32_t>((*pipeline.warmup)[1])};
  }
  request.split = pipeline.split_at;
  request.policy = pipeline.memory;
  request.devices = LevelEqualCards(devices);
  request.gpu_memory_bytes = pipeline.gpu_memory_bytes;
  request.host_memory_bytes = HostBudgets(pipeline, available_host_bytes);
  if (pipeline.host_memory_bytes == 0) {
    request.host_memory_source =
        "what is available, less 4 GiB for everything else, is";
  }
  request.max_ffn_chunks = kMaxFfnChunks;
  return request;
}

}  // namespace halfpipe
