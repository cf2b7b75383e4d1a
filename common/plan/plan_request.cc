#include "common/plan/plan_request.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/model/architecture.h"

namespace halfpipe {
namespace {

// Of a latent cell: the VAEs' (stage/encoders, which is not free of torch).
constexpr int64_t kFinePixels = 8;
constexpr int64_t kCoarsePixels = 16;  // of TI2V's
constexpr int64_t kTextTokens = 512;
constexpr int64_t kImageTokens = 257;
// Any will do where only it matters that there is an image branch.
constexpr int64_t kImageDim = 1280;

WanArchitecture ArchitectureOf(const ModelShape& model) {
  WanArchitecture wan;
  wan.dim = model.dim;
  wan.ffn_dim = model.ffn_dim;
  wan.heads = model.heads;
  wan.layers = model.layers;
  wan.in_channels = model.in_channels;
  wan.out_channels = model.out_channels;
  wan.text_dim = model.text_dim;
  if (model.image_branch) wan.image_dim = kImageDim;
  return wan;
}

}  // namespace

ClipShape LargestClip(const DataConfig& data, const ModelShape& model) {
  const WanArchitecture wan = ArchitectureOf(model);
  const int64_t cell = wan.has_frame_timesteps() ? kCoarsePixels : kFinePixels;
  const int64_t rows = wan.patch_rows * cell;
  const int64_t columns = wan.patch_columns * cell;
  ClipShape clip;
  clip.latent_frames = (data.frames - 1) / 4 + 1;
  clip.tokens_per_frame = data.height > 0 && data.width > 0
                              ? (data.height / rows) * (data.width / columns)
                              : data.max_pixels / (rows * columns);
  clip.context_tokens = kTextTokens + (model.image_branch ? kImageTokens : 0);
  return clip;
}

int64_t LoraParameters(const ModelShape& model, const LoraConfig& lora) {
  WanArchitecture block = ArchitectureOf(model);
  block.layers = 1;
  const std::map<std::string, Shape> tensors = WanTensors(block);
  int64_t parameters = 0;
  for (const std::string& linear : BlockLinears(block)) {
    if (!lora.Matches(linear)) continue;
    const Shape& weight =
        tensors.at(absl::StrCat("blocks.0.", linear, ".weight"));
    parameters += lora.rank * (weight[0] + weight[1]);
  }
  return parameters * model.layers;
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
    const JobConfig& config, const ModelShape& model,
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
