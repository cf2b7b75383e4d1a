#include "common/plan/stage_cost.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "common/plan/offload_depth.h"

namespace halfpipe {
namespace {

// However busy the link is, this part of PCIe is taken to be left.
constexpr double kLeastShareOfPcie = 0.05;

std::vector<BlockUse> UsesOf(const ActivationPlan& plan, BlockUses* blocks) {
  std::vector<BlockUse> uses;
  uses.reserve(static_cast<size_t>(plan.size()));
  for (int64_t i = 0; i < plan.size(); ++i) {
    uses.push_back(i > 0 && plan[i] == plan[i - 1] ? uses.back()
                                                   : blocks->Of(plan[i]));
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

// Where each chunk's blocks begin, and the end of the last one.
std::vector<size_t> ChunkBounds(size_t blocks, size_t chunks) {
  std::vector<size_t> bounds = {0};
  for (size_t chunk = 0; chunk < chunks; ++chunk) {
    bounds.push_back(bounds.back() + blocks / chunks +
                     (chunk < blocks % chunks ? 1 : 0));
  }
  return bounds;
}

// What each group of a chunk's blocks takes of the host, a micro-batch.
using GroupBytes = std::array<int64_t, kSavedGroups>;

// One chunk of a stage.
struct ChunkUse {
  int64_t kept_bytes = 0;  // of a micro-batch
  GroupBytes offloaded_bytes = {};
  // While it is at work, beside what is live: what the block being computed
  // and the copies hold at the worst moment, less what the blocks behind that
  // one do not hold yet, or not any more.
  int64_t working_bytes = 0;
  int64_t staging_bytes = 0;
  int64_t behind_bytes = 0;

  [[nodiscard]] int64_t beside() const {
    return working_bytes + staging_bytes - behind_bytes;
  }
};

// Blocks `begin` to `end`; `tail`: what the last forwards' offloads hold when a
// backward begins, and what comes back for the next backward under the last
// block of a chunk.
ChunkUse UseOfChunk(const BlockModel& model, const ActivationPlan& plan,
                    const std::vector<BlockUse>& uses, size_t begin, size_t end,
                    int64_t tail) {
  ChunkUse chunk;
  for (size_t i = begin; i < end; ++i) {
    chunk.kept_bytes += uses[i].kept_bytes;
    const BlockPlan& fates = plan[static_cast<int64_t>(i)];
    for (size_t g = 0; g < kSavedGroups; ++g) {
      if (fates.fates[g] != Fate::kOffload) continue;
      chunk.offloaded_bytes[g] += model.groups[g].bytes;
    }
  }
  // The newest micro-batch's forward, or the oldest one's backward, is at a
  // block: of the blocks behind it nothing is kept yet, or nothing any more.
  int64_t behind = chunk.kept_bytes;
  int64_t most = std::numeric_limits<int64_t>::min();
  const auto consider = [&](int64_t working, int64_t staging) {
    if (working + staging - behind <= most) return;
    most = working + staging - behind;
    chunk.working_bytes = working;
    chunk.staging_bytes = staging;
    chunk.behind_bytes = behind;
  };
  for (size_t i = begin; i < end; ++i) {
    behind -= uses[i].kept_bytes;
    const int64_t before = OffloadedBefore(uses, i);
    consider(uses[i].forward_working_bytes, before + (i + 1 == end ? tail : 0));
    // What the last forward offloads is let go behind the first backward.
    consider(uses[i].backward_working_bytes,
             before + (i + 1 == end || i == begin ? tail : 0));
  }
  return chunk;
}

// Buffers of one group serve every block; those of another size do not.
int64_t HostBytes(const std::vector<ChunkUse>& chunks,
                  const std::vector<pipeline::LiveMoment>& moments) {
  int64_t bytes = 0;
  for (size_t g = 0; g < kSavedGroups; ++g) {
    int64_t most = 0;
    for (const pipeline::LiveMoment& moment : moments) {
      int64_t now = 0;
      for (size_t c = 0; c < chunks.size(); ++c) {
        now += moment.live[c] * chunks[c].offloaded_bytes[g];
      }
      most = std::max(most, now);
    }
    bytes += most;
  }
  return bytes;
}

void AddBytes(const BlockModel& model, const ActivationPlan& plan,
              const std::vector<BlockUse>& uses,
              const std::vector<pipeline::LiveMoment>& moments,
              StageCost* cost) {
  const std::vector<size_t> bounds =
      ChunkBounds(uses.size(), moments.front().live.size());
  int64_t tail = 0;
  for (size_t c = 1; c < bounds.size(); ++c) {
    tail = std::max(tail, OffloadedBefore(uses, bounds[c]));
  }
  std::vector<ChunkUse> chunks;
  for (size_t c = 1; c < bounds.size(); ++c) {
    chunks.push_back(
        UseOfChunk(model, plan, uses, bounds[c - 1], bounds[c], tail));
  }
  cost->host_bytes = HostBytes(chunks, moments);
  int64_t peak = std::numeric_limits<int64_t>::min();
  for (const pipeline::LiveMoment& moment : moments) {
    int64_t kept = 0;
    for (size_t c = 0; c < chunks.size(); ++c) {
      kept += moment.live[c] * chunks[c].kept_bytes;
    }
    const ChunkUse& at_work = chunks[static_cast<size_t>(moment.chunk)];
    if (kept + at_work.beside() <= peak) continue;
    peak = kept + at_work.beside();
    cost->working_bytes = at_work.working_bytes;
    cost->staging_bytes = at_work.staging_bytes;
    cost->saved_bytes = kept - at_work.behind_bytes;
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

const BlockUse& BlockUses::Of(const BlockPlan& plan) {
  const auto [it, is_new] = known_.try_emplace(plan);
  if (is_new) {
    it->second = {.kept_bytes = model_.BytesOf(plan, Fate::kKeep),
                  .offloaded_bytes = model_.BytesOf(plan, Fate::kOffload),
                  .forward_working_bytes = model_.ForwardWorkingBytes(plan),
                  .backward_working_bytes = model_.BackwardWorkingBytes(plan),
                  .recompute_seconds = model_.RecomputeSeconds(plan)};
  }
  return it->second;
}

StageCost CostOfStage(const BlockModel& model, const CopyRates& rates,
                      const ActivationPlan& plan, int32_t live) {
  BlockUses blocks(model);
  return CostOfStage(rates, plan, {{.chunk = 0, .live = {live}}}, &blocks);
}

StageCost CostOfStage(const CopyRates& rates, const ActivationPlan& plan,
                      const std::vector<pipeline::LiveMoment>& moments,
                      BlockUses* blocks) {
  const BlockModel& model = blocks->model();
  const std::vector<BlockUse> uses = UsesOf(plan, blocks);
  StageCost cost;
  AddBytes(model, plan, uses, moments, &cost);
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
