#include "common/memory/stage_cost.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "common/memory/offload_depth.h"

namespace halfpipe {
namespace {

// However busy the link is, this part of PCIe is taken to be left.
constexpr double kLeastShareOfPcie = 0.05;

// One block of a stage, as its plan makes it.
struct BlockUse {
  int64_t kept_bytes = 0;
  int64_t offloaded_bytes = 0;
  int64_t forward_working_bytes = 0;
  int64_t backward_working_bytes = 0;
  double recompute_seconds = 0.0;
};

std::vector<BlockUse> UsesOf(const BlockModel& model,
                             const ActivationPlan& plan) {
  std::vector<BlockUse> uses;
  uses.reserve(static_cast<size_t>(plan.size()));
  for (int64_t i = 0; i < plan.size(); ++i) {
    if (i > 0 && plan[i] == plan[i - 1]) {
      uses.push_back(uses.back());
      continue;
    }
    uses.push_back(
        {.kept_bytes = model.BytesOf(plan[i], Fate::kKeep),
         .offloaded_bytes = model.BytesOf(plan[i], Fate::kOffload),
         .forward_working_bytes = model.ForwardWorkingBytes(plan[i]),
         .backward_working_bytes = model.BackwardWorkingBytes(plan[i]),
         .recompute_seconds = model.RecomputeSeconds(plan[i])});
  }
  return uses;
}

// Offloaded bytes of up to kOffloadDepth blocks before `end`.
int64_t OffloadedBefore(const std::vector<BlockUse>& uses, size_t end) {
  int64_t bytes = 0;
  for (size_t back = 1; back <= kOffloadDepth && back <= end; ++back) {
    bytes += uses[end - back].offloaded_bytes;
  }
  return bytes;
}

void AddBytes(const std::vector<BlockUse>& uses, int32_t live,
              StageCost* cost) {
  int64_t kept_once = 0;
  int64_t offloaded_once = 0;
  for (const BlockUse& use : uses) {
    kept_once += use.kept_bytes;
    offloaded_once += use.offloaded_bytes;
  }
  cost->host_bytes = live * offloaded_once;
  // The newest micro-batch's forward, or the oldest one's backward, is at a
  // block: of the blocks behind it nothing is kept yet, or nothing any more.
  const int64_t tail = OffloadedBefore(uses, uses.size());
  int64_t kept_behind = kept_once;
  int64_t peak = std::numeric_limits<int64_t>::min();
  const auto consider = [&](int64_t working, int64_t staging) {
    const int64_t bytes = working + staging - kept_behind;
    if (bytes <= peak) return;
    peak = bytes;
    cost->working_bytes = working;
    cost->staging_bytes = staging;
    cost->saved_bytes = live * kept_once - kept_behind;
  };
  for (size_t i = 0; i < uses.size(); ++i) {
    kept_behind -= uses[i].kept_bytes;
    const int64_t before = OffloadedBefore(uses, i);
    consider(uses[i].forward_working_bytes, before);
    // What the last forward offloads is let go behind the first backward.
    consider(uses[i].backward_working_bytes,
             before + (i + 1 == uses.size() ? tail : 0));
  }
}

double ForwardSeconds(const BlockModel& model, const CopyRates& rates,
                      const std::vector<BlockUse>& uses) {
  std::vector<double> copied;
  double end = 0.0;
  for (size_t i = 0; i < uses.size(); ++i) {
    constexpr size_t kBack = kOffloadDepth + 1;
    const double start = i < kBack ? end : std::max(end, copied[i - kBack]);
    end = start + model.forward_seconds;
    const double free = copied.empty() ? 0.0 : copied.back();
    copied.push_back(std::max(free, end) +
                     static_cast<double>(uses[i].offloaded_bytes) /
                         rates.to_host_bytes_per_second);
  }
  return end;
}

double BackwardSeconds(const BlockModel& model, const CopyRates& rates,
                       const std::vector<BlockUse>& uses) {
  std::vector<double> asked;  // when each block's restore began
  double end = 0.0;
  double copied = 0.0;
  for (size_t j = 0; j < uses.size(); ++j) {
    const BlockUse& use = uses[uses.size() - 1 - j];
    asked.push_back(end);
    // The copies of this block were asked for by an earlier one.
    const double from = j < kOffloadDepth ? 0.0 : asked[j - kOffloadDepth];
    copied = std::max(copied, from) + static_cast<double>(use.offloaded_bytes) /
                                          rates.to_device_bytes_per_second;
    const double start = use.offloaded_bytes > 0 ? std::max(end, copied) : end;
    end = start + use.recompute_seconds + model.backward_seconds;
  }
  return end;
}

}  // namespace

CopyRates CopyRatesOf(const DeviceRates& rates, const BlockModel& model,
                      int64_t blocks) {
  CopyRates copies{rates.device_to_host_bytes_per_second,
                   rates.host_to_device_bytes_per_second};
  if (!rates.link_uses_pcie) return copies;
  const double link_bytes =
      2.0 * static_cast<double>(model.of(SavedGroup::kInput).bytes);
  const double seconds = static_cast<double>(blocks) *
                         (model.forward_seconds + model.backward_seconds);
  for (double* rate :
       {&copies.to_host_bytes_per_second, &copies.to_device_bytes_per_second}) {
    const double left = 1.0 - link_bytes / *rate / seconds;
    *rate *= std::max(left, kLeastShareOfPcie);
  }
  return copies;
}

StageCost CostOfStage(const BlockModel& model, const CopyRates& rates,
                      const ActivationPlan& plan, int32_t live) {
  const std::vector<BlockUse> uses = UsesOf(model, plan);
  StageCost cost;
  AddBytes(uses, live, &cost);
  for (const BlockUse& use : uses) {
    cost.recompute_seconds += use.recompute_seconds;
  }
  const auto count = static_cast<double>(uses.size());
  cost.forward_seconds = ForwardSeconds(model, rates, uses);
  cost.backward_seconds = BackwardSeconds(model, rates, uses);
  cost.stall_seconds = std::max(
      0.0, cost.seconds() - cost.recompute_seconds -
               count * (model.forward_seconds + model.backward_seconds));
  return cost;
}

}  // namespace halfpipe
