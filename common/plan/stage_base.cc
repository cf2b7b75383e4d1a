#include "common/plan/stage_base.h"

#include <algorithm>

namespace halfpipe {
namespace {

constexpr int64_t kElementBytes = 2;  // bf16
constexpr int64_t kFloatBytes = 4;
// Activations and gradients of the split that are there beside what waits to be
// used: an activation and a gradient on their way out, which are two
// micro-batches', and one's copy or the head's.
constexpr int64_t kBoundaryTensorsOut = 2;
constexpr int64_t kBoundaryTensorsInUse = 1;
constexpr int64_t kBoundaryTensorsAlone = 2;  // one stage: nothing crosses
// Of dynamic memory, in the caching allocator.
constexpr double kSlack = 0.06;
// float32 products, against bf16's on tensor cores.
constexpr double kFloatSlowdown = 16.0;
constexpr double kTransferLatencySeconds = 20e-6;
constexpr double kNormExchangeSeconds = 200e-6;
constexpr double kOptimizerLatencySeconds = 2e-3;

// The patch, text and time embeddings and the head.
int64_t OuterParameters(const ModelSpec& model) {
  const int64_t patch = model.patch_volume() * model.in_channels * model.dim;
  const int64_t text = model.dim * (model.text_dim + model.dim);
  const int64_t time =
      model.dim * (model.freq_dim + model.dim + kModulationRows * model.dim);
  const int64_t head = model.patch_volume() * model.out_channels * model.dim;
  constexpr int64_t kBiases = 12;
  return patch + text + time + head + kBiases * model.dim;
}

// 8-bit weights: the largest matrix of a block in bf16, or transposed in 8
// bits; q, k and v are one.
int64_t ScratchBytes(const PlanRequest& request) {
  if (request.weights == WeightForm::kBf16) return 0;
  const int64_t element =
      request.weights == WeightForm::kFp8 ? kElementBytes : 1;
  const int64_t dim = request.model.dim;
  return element * std::max(3 * dim * dim, dim * request.model.ffn_dim);
}

// What a variant sends over the split beside the tokens and the context.
int64_t ExtraSplitBytes(const PlanRequest& request) {
  const ClipShape& clip = request.clip;
  // Of rows and columns only the product counts.
  const TokenCounts counts = {.frames = clip.latent_frames,
                              .rows = 1,
                              .columns = clip.tokens_per_frame};
  const MicrobatchShape microbatch = {.frames = clip.latent_frames,
                                      .rows = 1,
                                      .columns = clip.tokens_per_frame,
                                      .text_tokens = clip.context_tokens};
  int64_t bytes = 0;
  for (const SplitTensor& tensor : request.model.extra_split) {
    bytes += ElementCount(ShapeIn(tensor.shape, microbatch, counts)) *
             (tensor.is_float32 ? kFloatBytes : kElementBytes);
  }
  return bytes;
}

}  // namespace

void FillBase(const PlanRequest& request, const BlockModel& block,
              const StageDuty& work, StagePlan* plan) {
  const DeviceRates& device = request.devices[static_cast<size_t>(work.rank)];
  const int64_t activation = block.of(SavedGroup::kInput).bytes;
  plan->live = work.live;
  plan->ffn_chunks = block.work.ffn_chunks;
  plan->fixed_bytes = device.fixed_bytes;
  plan->weight_bytes = work.blocks * block.weight_bytes + ScratchBytes(request);
  if (work.rank == 0) {
    plan->weight_bytes += OuterParameters(request.model) * kElementBytes;
  }
  plan->trained_bytes = work.blocks * block.gradient_bytes;
  (request.optimizer_on_host ? plan->optimizer_host_bytes
                             : plan->trained_bytes) +=
      work.blocks * block.optimizer_bytes;
  if (!request.optimizer_on_host) {
    plan->moment_bytes =
        work.blocks * block.optimizer_bytes / kOptimizerBytes * kMomentBytes;
  }
  const int64_t context =
      request.clip.context_tokens * request.model.dim * kElementBytes;
  plan->boundary_bytes =
      work.live * (context + ExtraSplitBytes(request)) +
      activation * (work.stages > 1
                        ? std::min<int64_t>(kBoundaryTensorsOut,
                                            request.schedule.microbatches) +
                              kBoundaryTensorsInUse + work.waiting_inputs
                        : kBoundaryTensorsAlone);
  plan->budget_bytes = device.free_bytes;
  if (request.gpu_memory_bytes > 0) {
    plan->budget_bytes = std::min(plan->budget_bytes, request.gpu_memory_bytes);
  }
}

int64_t SlackOf(int64_t dynamic_bytes) {
  return static_cast<int64_t>(static_cast<double>(dynamic_bytes) * kSlack);
}

int64_t WithoutSlack(int64_t bytes) {
  return static_cast<int64_t>(static_cast<double>(bytes) / (1.0 + kSlack));
}

pipeline::CostModel CostsOutsideBlocks(const PlanRequest& request,
                                       const BlockModel& block,
                                       int32_t chunks) {
  const DeviceRates& first = request.devices.front();
  const ModelSpec& model = request.model;
  const auto tokens = static_cast<double>(request.clip.tokens());
  const auto dim = static_cast<double>(model.dim);
  const double float_rate = first.matmul_flops_per_second / kFloatSlowdown;
  // A pass over a float32 (tokens, dim) tensor.
  const double pass = tokens * dim * static_cast<double>(kFloatBytes) /
                      first.elementwise_bytes_per_second;
  const double patch =
      2.0 * tokens * dim *
      static_cast<double>(model.patch_volume() * model.in_channels);
  const double text = 2.0 * static_cast<double>(request.clip.context_tokens) *
                      dim * static_cast<double>(model.text_dim + model.dim);
  const double head =
      2.0 * tokens * dim *
      static_cast<double>(model.patch_volume() * model.out_channels);
  pipeline::CostModel costs;
  costs.segments.resize(2 * static_cast<size_t>(chunks) + 1);
  costs.segments[0].forward_seconds = (patch + text) / float_rate + 2.0 * pass;
  costs.segments.back() = {.forward_seconds = head / float_rate + 5.0 * pass,
                           .backward_seconds = head / float_rate + 6.0 * pass};
  if (request.schedule.stages > 1) {
    const double rate = std::min(first.link_bytes_per_second,
                                 request.devices.back().link_bytes_per_second);
    costs.transfer_seconds =
        kTransferLatencySeconds +
        static_cast<double>(block.of(SavedGroup::kInput).bytes) / rate;
    costs.norm_seconds = kNormExchangeSeconds;
  }
  const auto per_stage = [&](int64_t bytes) {
    return static_cast<double>(bytes * model.layers) /
           static_cast<double>(request.schedule.stages);
  };
  costs.optimizer_seconds =
      kOptimizerLatencySeconds + 2.0 * per_stage(block.trained_bytes()) /
                                     first.elementwise_bytes_per_second;
  if (request.optimizer_on_host) {
    costs.optimizer_seconds += per_stage(block.optimizer_bytes) /
                                   first.host_to_device_bytes_per_second +
                               per_stage(block.optimizer_bytes) /
                                   first.device_to_host_bytes_per_second;
  }
  return costs;
}

}  // namespace halfpipe
