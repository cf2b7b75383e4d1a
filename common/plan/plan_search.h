// The search behind planner.h, split by split.
#ifndef HP_COMMON_PLAN_PLAN_SEARCH_H_
#define HP_COMMON_PLAN_PLAN_SEARCH_H_

#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/planner.h"
#include "common/plan/stage_options.h"

namespace halfpipe {

// What a stage lacks of its limits at its leanest; not above 0: nothing.
struct Shortfall {
  int64_t device_bytes = 0;
  // Of the budget that it draws on; of a shared one, with what the stages
  // before it need.
  int64_t host_bytes = 0;
  // What it cannot do without of the host; 0 while the device lacks bytes.
  int64_t least_host_bytes = 0;
  StagePlan leanest;  // the plan that needs least of the device
};

// Not thread-safe: it remembers what it has costed.
class PlanSearch {
 public:
  // InvalidArgument: a schedule that cannot be built. REQUIRES: a request that
  // PlanTraining has checked; it outlives this.
  [[nodiscard]] static absl::StatusOr<PlanSearch> Create(
      const PlanRequest& request, int64_t ffn_chunks);

  // Where a search for a split begins: the given one, or the middle.
  [[nodiscard]] int64_t FirstSplit() const;
  // All splits worth a look, the first one first.
  [[nodiscard]] std::vector<int64_t> Splits() const;

  // Whether anything fits at the shallowest schedule.
  [[nodiscard]] bool Fits(int64_t split);
  [[nodiscard]] std::vector<Shortfall> ShortfallsAt(int64_t split);

  // The best plan at a split; none: nothing fits. Codes: the simulator's.
  [[nodiscard]] absl::StatusOr<std::optional<TrainingPlan>> BestAt(
      int64_t split);

  [[nodiscard]] const BlockModel& block(int rank) const {
    return blocks_[static_cast<size_t>(rank)];
  }

 private:
  // One stage within one schedule.
  struct Choice {
    StagePlan plan;          // without activations
    int64_t room_bytes = 0;  // what the options may take of the device
    const StageOptions* options = nullptr;
  };

  using Pair = std::vector<const StageOption*>;

  // A schedule with an option for each stage.
  struct Candidate {
    const pipeline::Schedule* schedule = nullptr;
    std::vector<Choice> choices;
    Pair pair;
    double bound_seconds = 0.0;  // no step can be shorter
  };

  PlanSearch(const PlanRequest& request, int64_t ffn_chunks);

  [[nodiscard]] int stages() const { return request_->schedule.stages; }

  // The stage's plan with one of its options.
  [[nodiscard]] static StagePlan WithOption(const Choice& choice,
                                            const StageOption& option);
  [[nodiscard]] Choice MakeChoice(int64_t split,
                                  const pipeline::Schedule& schedule, int rank,
                                  bool leanest);
  // Each stage's fastest option within its part of the host; none: one has
  // none.
  [[nodiscard]] static std::optional<Pair> PairWithin(
      const std::vector<Choice>& choices, const std::vector<int64_t>& budgets);
  // Ways to use and to share the host budget: a number a stage in each.
  [[nodiscard]] std::vector<std::vector<int64_t>> HostBudgets(
      const std::vector<Choice>& choices) const;
  // The options that they lead to.
  [[nodiscard]] std::vector<Pair> PairsOf(
      const std::vector<Choice>& choices) const;
  // What no step of that pair can be shorter than.
  [[nodiscard]] double BoundOf(const Pair& pair, int32_t chunks) const;
  // All that are possible at a split, by their bounds.
  [[nodiscard]] std::vector<Candidate> CandidatesAt(int64_t split);
  [[nodiscard]] absl::StatusOr<TrainingPlan> Simulated(
      int64_t split, const Candidate& candidate) const;

  const PlanRequest* request_;
  std::vector<BlockModel> blocks_;             // one a stage
  std::vector<pipeline::Schedule> schedules_;  // the shallowest first
  // by rank, blocks, what is live when, leanest
  std::map<std::tuple<int, int64_t, StageOptions::Moments, bool>, StageOptions>
      costed_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_PLAN_PLAN_SEARCH_H_
