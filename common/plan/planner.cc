#include "common/plan/planner.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/plan/plan_limits.h"
#include "common/plan/plan_search.h"

namespace halfpipe {
namespace {

// What another split, or more parts of the feed-forward layer, must gain to be
// taken: predictions are not better than that.
constexpr double kSplitGain = 0.99;
constexpr double kChunkGain = 0.995;
constexpr double kHostOptimizerGain = 0.99;

bool AnyBelowOne(std::initializer_list<int64_t> sizes) {
  return std::min(sizes) < 1;
}

absl::Status CheckSizes(const PlanRequest& request) {
  const ModelSpec& model = request.model;
  if (AnyBelowOne({model.dim, model.ffn_dim, model.heads, model.layers,
                   model.text_dim, model.in_channels, model.out_channels})) {
    return absl::InvalidArgumentError("the model has a size below 1");
  }
  if (AnyBelowOne({request.clip.latent_frames, request.clip.tokens_per_frame,
                   request.clip.context_tokens})) {
    return absl::InvalidArgumentError("the clip has a size below 1");
  }
  if (request.lora_parameters < 0 || request.gpu_memory_bytes < 0) {
    return absl::InvalidArgumentError("a number of bytes is below 0");
  }
  const int stages = request.schedule.stages;
  const int64_t split = request.split.value_or(1);
  if (stages == 2 && (model.layers < 2 || split < 1 || split >= model.layers)) {
    return absl::InvalidArgumentError(
        absl::StrCat("pipeline.split_at: ", split, " of ", model.layers,
                     " blocks leaves a stage without one"));
  }
  return absl::OkStatus();
}

absl::Status CheckRequest(const PlanRequest& request) {
  HP_RETURN_IF_ERROR(CheckSizes(request));
  const auto stages = static_cast<size_t>(request.schedule.stages);
  if (request.devices.size() != stages) {
    return absl::InvalidArgumentError(absl::StrCat("expected the rates of ",
                                                   stages, " devices, found ",
                                                   request.devices.size()));
  }
  for (const DeviceRates& device : request.devices) {
    HP_RETURN_IF_ERROR(Annotate(CheckRates(device), device.name));
    if (request.weights == WeightForm::kFp8Compute &&
        device.fp8_matmul_flops_per_second <= 0.0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "model.weights: ", device.name,
          " has no fp8 products; write fp8, which multiplies in bf16"));
    }
  }
  const size_t hosts = request.host_memory_bytes.size();
  if ((hosts != 1 && hosts != stages) ||
      *std::min_element(request.host_memory_bytes.begin(),
                        request.host_memory_bytes.end()) < 0) {
    return absl::InvalidArgumentError(
        "expected one host budget, or one a stage, of at least 0 bytes");
  }
  if (request.max_ffn_chunks < 1) {
    return absl::InvalidArgumentError("the feed-forward layer has no parts");
  }
  // What is searched for is one split, and one share of a host budget.
  if (stages != 1 && stages != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("stages is ", stages, ", expected 1 or 2"));
  }
  return absl::OkStatus();
}

// The best plan over all splits: outwards from the first one that fits, as long
// as it gets better.
absl::StatusOr<std::optional<TrainingPlan>> BestOverSplits(PlanSearch& search) {
  const std::vector<int64_t> splits = search.Splits();
  const auto first =
      std::find_if(splits.begin(), splits.end(),
                   [&](int64_t split) { return search.Fits(split); });
  if (first == splits.end()) return std::optional<TrainingPlan>();
  HP_ASSIGN_OR_RETURN(std::optional<TrainingPlan> best, search.BestAt(*first));
  for (const int64_t direction : {-1, 1}) {
    for (int64_t split = *first + direction;
         std::find(splits.begin(), splits.end(), split) != splits.end() &&
         search.Fits(split);
         split += direction) {
      HP_ASSIGN_OR_RETURN(std::optional<TrainingPlan> plan,
                          search.BestAt(split));
      const bool better =
          plan.has_value() &&
          (!best.has_value() ||
           plan->step_seconds() < best->step_seconds() * kSplitGain);
      if (!better) break;
      best = std::move(plan);
    }
  }
  return best;
}

// Over the numbers of parts of the feed-forward layer; none: nothing fits.
absl::StatusOr<std::optional<TrainingPlan>> BestForm(
    const PlanRequest& request) {
  std::optional<TrainingPlan> best;
  for (int64_t parts : ChunkCounts(request)) {
    HP_ASSIGN_OR_RETURN(PlanSearch search, PlanSearch::Create(request, parts));
    HP_ASSIGN_OR_RETURN(std::optional<TrainingPlan> plan,
                        BestOverSplits(search));
    if (!plan.has_value()) continue;
    const bool better =
        !best.has_value() ||
        plan->step_seconds() < best->step_seconds() * kChunkGain;
    if (better) best = std::move(plan);
  }
  return best;
}

}  // namespace

int64_t TrainingPlan::pinned_host_bytes() const {
  int64_t bytes = 0;
  for (const StagePlan& stage : stages) {
    bytes += stage.pinned_host_bytes();
  }
  return bytes;
}

absl::StatusOr<TrainingPlan> PlanTraining(const PlanRequest& request) {
  HP_RETURN_IF_ERROR(CheckRequest(request));
  HP_ASSIGN_OR_RETURN(std::optional<TrainingPlan> best, BestForm(request));
  const PlanRequest leanest = Leanest(request);
  if (!request.optimizer_on_host && leanest.optimizer_on_host) {
    HP_ASSIGN_OR_RETURN(std::optional<TrainingPlan> lean, BestForm(leanest));
    if (lean.has_value() &&
        (!best.has_value() ||
         lean->step_seconds() < best->step_seconds() * kHostOptimizerGain)) {
      best = std::move(lean);
    }
  }
  if (best.has_value()) return *std::move(best);
  return NothingFits(request);
}

int64_t LongestClip(const PlanRequest& request) {
  return CheckRequest(request).ok() ? LongestFitting(request) : 0;
}

}  // namespace halfpipe
