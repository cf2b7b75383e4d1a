#include "common/memory/plan_request.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace halfpipe {
namespace {

constexpr int64_t kPatch = 2;       // latent cells of a token, on either axis
constexpr int64_t kFinePixels = 8;  // of a latent cell
constexpr int64_t kCoarsePixels = 16;
constexpr int64_t kCoarseChannels = 48;  // the latents of TI2V
constexpr int64_t kTextTokens = 512;
constexpr int64_t kImageTokens = 257;

struct Linear {
  absl::string_view name;
  int64_t in = 0;
  int64_t out = 0;
};

std::vector<Linear> BlockLinearsOf(const ModelShape& model) {
  const int64_t dim = model.dim;
  std::vector<Linear> linears = {
      {"self_attn.q", dim, dim},     {"self_attn.k", dim, dim},
      {"self_attn.v", dim, dim},     {"self_attn.o", dim, dim},
      {"cross_attn.q", dim, dim},    {"cross_attn.k", dim, dim},
      {"cross_attn.v", dim, dim},    {"cross_attn.o", dim, dim},
      {"ffn.0", dim, model.ffn_dim}, {"ffn.2", model.ffn_dim, dim}};
  if (model.image_branch) {
    linears.push_back({"cross_attn.k_img", dim, dim});
    linears.push_back({"cross_attn.v_img", dim, dim});
  }
  return linears;
}

}  // namespace

pipeline::ScheduleName ScheduleNameOf(ScheduleType type) {
  switch (type) {
    case ScheduleType::k1F1B:
      break;
    case ScheduleType::kGPipe:
      return pipeline::ScheduleName::kGpipe;
    case ScheduleType::kSequential:
      return pipeline::ScheduleName::kSequential;
    case ScheduleType::kInterleaved:
      return pipeline::ScheduleName::kInterleaved;
  }
  return pipeline::ScheduleName::kOneFOneB;
}

std::optional<ActivationPolicy> NamedPolicy(MemoryPolicy policy) {
  switch (policy) {
    case MemoryPolicy::kAuto:
      break;
    case MemoryPolicy::kKeep:
      return ActivationPolicy::kKeep;
    case MemoryPolicy::kOffload:
      return ActivationPolicy::kOffload;
    case MemoryPolicy::kRecompute:
      return ActivationPolicy::kRecompute;
  }
  return std::nullopt;
}

ClipShape LargestClip(const DataConfig& data, const ModelShape& model) {
  const int64_t pixels =
      kPatch *
      (model.out_channels == kCoarseChannels ? kCoarsePixels : kFinePixels);
  ClipShape clip;
  clip.latent_frames = (data.frames - 1) / 4 + 1;
  clip.tokens_per_frame = data.height > 0 && data.width > 0
                              ? (data.height / pixels) * (data.width / pixels)
                              : data.max_pixels / (pixels * pixels);
  clip.context_tokens = kTextTokens + (model.image_branch ? kImageTokens : 0);
  return clip;
}

int64_t LoraParameters(const ModelShape& model, const LoraConfig& lora) {
  int64_t parameters = 0;
  for (const Linear& linear : BlockLinearsOf(model)) {
    const bool wanted = std::any_of(
        lora.targets.begin(), lora.targets.end(),
        [&](const std::string& target) {
          return linear.name == target ||
                 absl::EndsWith(linear.name, absl::StrCat(".", target));
        });
    if (wanted) parameters += lora.rank * (linear.in + linear.out);
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
  request.schedule.name = ScheduleNameOf(pipeline.schedule);
  request.schedule.microbatches =
      static_cast<int32_t>(config.train.micro_batches);
  request.schedule.stages = static_cast<int>(pipeline.stages);
  request.fixed_warmup = pipeline.warmup.has_value();
  if (pipeline.warmup.has_value()) {
    request.schedule.warmup = {static_cast<int32_t>((*pipeline.warmup)[0]),
                               static_cast<int32_t>((*pipeline.warmup)[1])};
  }
  request.split = pipeline.split_at;
  request.policy = NamedPolicy(pipeline.memory);
  request.devices = LevelEqualCards(devices);
  request.gpu_memory_bytes = pipeline.gpu_memory_bytes;
  request.host_memory_bytes = HostBudgets(pipeline, available_host_bytes);
  request.max_ffn_chunks = kMaxFfnChunks;
  return request;
}

}  // namespace halfpipe
