#include "common/plan/stage_options.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "common/base/status.h"

namespace halfpipe {
namespace {

using Moments = StageOptions::Moments;

// Steps in which a group's share of blocks is tried.
constexpr int64_t kStoreSteps = 5;
constexpr int64_t kKeepSteps = 4;
// Steps in which the last blocks are tried.
constexpr int64_t kLastSteps = 10;

struct Cell {
  int64_t block = 0;
  SavedGroup group = SavedGroup::kInput;
};

// Groups by the seconds that each stored byte saves, the input first of all.
std::vector<SavedGroup> GroupsByWorth(const BlockModel& model) {
  std::vector<SavedGroup> groups(kSavedGroups);
  for (size_t g = 0; g < kSavedGroups; ++g) {
    groups[g] = static_cast<SavedGroup>(g);
  }
  const auto worth = [&](SavedGroup group) {
    if (group == SavedGroup::kInput) {
      return std::numeric_limits<double>::infinity();
    }
    return model.of(group).seconds / static_cast<double>(model.of(group).bytes);
  };
  std::stable_sort(
      groups.begin(), groups.end(),
      [&](SavedGroup a, SavedGroup b) { return worth(a) > worth(b); });
  return groups;
}

// The blocks, the last one first, any prefix spread evenly over all of them:
// bit-reversed counting.
std::vector<int64_t> SpreadBlocks(int64_t blocks) {
  int64_t size = 1;
  int bits = 0;
  while (size < blocks) {
    size *= 2;
    ++bits;
  }
  std::vector<int64_t> order;
  for (int64_t i = 0; i < size; ++i) {
    int64_t reversed = 0;
    for (int b = 0; b < bits; ++b) reversed |= ((i >> b) & 1) << (bits - 1 - b);
    if (reversed < blocks) order.push_back(blocks - 1 - reversed);
  }
  return order;
}

class Enumeration {
 public:
  Enumeration(const BlockModel& model, const CopyRates& rates, int64_t blocks,
              const Moments& moments)
      : rates_(rates), blocks_(blocks), moments_(moments), uses_(model) {
    for (SavedGroup group : GroupsByWorth(model)) {
      for (int64_t block : SpreadBlocks(blocks)) {
        cells_.push_back({block, group});
      }
    }
  }

  // Everything from storing `blocks_` cells, the inputs, to storing all.
  std::vector<StageOption> RunAll() {
    const auto all = static_cast<int64_t>(cells_.size());
    return Run(Counts(blocks_, all, kStoreSteps));
  }

  // Storing the inputs alone, and the inputs and all of what is worth most.
  std::vector<StageOption> RunLeanest() { return Run({blocks_, 2 * blocks_}); }

 private:
  std::vector<StageOption> Run(const std::vector<int64_t>& counts) {
    for (int64_t stored : counts) {
      std::vector<BlockPlan> base = Stored(stored);
      for (int64_t kept : Counts(0, blocks_, kLastSteps)) {
        std::vector<BlockPlan> plan = base;
        KeepLast(kept, &plan);
        Add(std::move(plan));
      }
      for (int64_t kept : Counts(1, stored, kKeepSteps)) {
        std::vector<BlockPlan> plan = base;
        KeepLast(1, &plan);
        for (int64_t i = 0; i < kept; ++i) Keep(cells_[Index(i)], &plan);
        Add(std::move(plan));
      }
    }
    return std::move(options_);
  }

  static size_t Index(int64_t i) { return static_cast<size_t>(i); }

  // `first` to `last`, in steps of a part of the blocks.
  [[nodiscard]] std::vector<int64_t> Counts(int64_t first, int64_t last,
                                            int64_t steps) const {
    std::vector<int64_t> counts;
    const int64_t step = std::max<int64_t>(1, blocks_ / steps);
    for (int64_t count = first; count < last; count += step) {
      counts.push_back(count);
    }
    counts.push_back(last);
    return counts;
  }

  // The first `count` cells are stored in the host, the others nowhere.
  [[nodiscard]] std::vector<BlockPlan> Stored(int64_t count) const {
    BlockPlan nothing;
    nothing.fates.fill(Fate::kRecompute);
    std::vector<BlockPlan> plan(Index(blocks_), nothing);
    for (int64_t i = 0; i < count; ++i) {
      const Cell& cell = cells_[Index(i)];
      plan[Index(cell.block)].of(cell.group) = Fate::kOffload;
    }
    return plan;
  }

  static void Keep(const Cell& cell, std::vector<BlockPlan>* plan) {
    Fate& fate = (*plan)[Index(cell.block)].of(cell.group);
    if (fate == Fate::kOffload) fate = Fate::kKeep;
  }

  void KeepLast(int64_t count, std::vector<BlockPlan>* plan) const {
    for (int64_t block = blocks_ - count; block < blocks_; ++block) {
      for (size_t g = 0; g < kSavedGroups; ++g) {
        Keep({block, static_cast<SavedGroup>(g)}, plan);
      }
    }
  }

  void Add(std::vector<BlockPlan> blocks) {
    absl::StatusOr<ActivationPlan> plan =
        ActivationPlan::Create(std::move(blocks));
    HP_CHECK(plan.ok());  // inputs are always stored
    const StageCost cost = CostOfStage(rates_, *plan, moments_, &uses_);
    options_.push_back({*std::move(plan), cost});
  }

  const CopyRates& rates_;
  const int64_t blocks_;
  const Moments& moments_;
  BlockUses uses_;
  std::vector<Cell> cells_;  // in the order in which they are stored
  std::vector<StageOption> options_;
};

// Drops what another option beats or equals in every respect. REQUIRES: the
// fastest first.
std::vector<StageOption> Undominated(std::vector<StageOption> options) {
  std::vector<StageOption> kept;
  // The least device memory that is had with so much of the host: the more of
  // it, the less.
  std::map<int64_t, int64_t> least;
  for (StageOption& option : options) {
    const int64_t host = option.cost.host_bytes;
    const int64_t device = option.cost.device_bytes();
    auto above = least.upper_bound(host);
    if (above != least.begin() && std::prev(above)->second <= device) continue;
    while (above != least.end() && above->second >= device) {
      above = least.erase(above);
    }
    least[host] = device;
    kept.push_back(std::move(option));
  }
  return kept;
}

}  // namespace

StageOptions::StageOptions(std::vector<StageOption> options) {
  const auto key = [](const StageOption& option) {
    return std::make_tuple(option.cost.seconds(), option.cost.host_bytes,
                           option.cost.device_bytes());
  };
  std::stable_sort(options.begin(), options.end(),
                   [&](const StageOption& a, const StageOption& b) {
                     return key(a) < key(b);
                   });
  options_ = Undominated(std::move(options));
}

StageOptions StageOptions::Enumerate(const BlockModel& model,
                                     const CopyRates& rates, int64_t blocks,
                                     const Moments& moments) {
  return StageOptions(Enumeration(model, rates, blocks, moments).RunAll());
}

StageOptions StageOptions::EnumerateLeanest(const BlockModel& model,
                                            const CopyRates& rates,
                                            int64_t blocks,
                                            const Moments& moments) {
  return StageOptions(Enumeration(model, rates, blocks, moments).RunLeanest());
}

StageOptions StageOptions::Uniform(ActivationPolicy policy,
                                   const BlockModel& model,
                                   const CopyRates& rates, int64_t blocks,
                                   const Moments& moments) {
  ActivationPlan plan = ActivationPlan::Uniform(policy, blocks);
  BlockUses uses(model);
  const StageCost cost = CostOfStage(rates, plan, moments, &uses);
  return StageOptions({StageOption{std::move(plan), cost}});
}

const StageOption* StageOptions::Fastest(int64_t device_bytes,
                                         int64_t host_bytes) const {
  for (const StageOption& option : options_) {
    if (option.cost.device_bytes() <= device_bytes &&
        option.cost.host_bytes <= host_bytes) {
      return &option;
    }
  }
  return nullptr;
}

int64_t StageOptions::LeastHostBytes(int64_t device_bytes) const {
  int64_t least = -1;
  for (const StageOption& option : options_) {
    if (option.cost.device_bytes() > device_bytes) continue;
    if (least < 0 || option.cost.host_bytes < least) {
      least = option.cost.host_bytes;
    }
  }
  return least;
}

const StageOption& StageOptions::Leanest() const {
  return *std::min_element(options_.begin(), options_.end(),
                           [](const StageOption& a, const StageOption& b) {
                             return a.cost.device_bytes() <
                                    b.cost.device_bytes();
                           });
}

}  // namespace halfpipe
