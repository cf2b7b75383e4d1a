#include "common/plan/plan_search.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/base/status.h"
#include "common/pipeline/schedule.h"
#include "common/pipeline/segment_table.h"
#include "common/plan/plan_schedules.h"
#include "common/plan/stage_base.h"

namespace halfpipe {
namespace {

// Shares of one host budget that are tried.
constexpr int64_t kHostShares = 32;
// Parts of the host that are tried: what is quickest for each stage need not be
// so for the step.
constexpr int64_t kWholeHost = 4;
constexpr int64_t kHostParts[] = {kWholeHost, 2, 1, 0};
// How much slower a plan may be that pins less host memory.
constexpr double kTolerance = 1.005;
// How far from the middle a split is looked for on equal cards.
constexpr int64_t kSplitReach = 3;

BlockWork WorkOf(const PlanRequest& request, int64_t ffn_chunks) {
  return {.model = request.model,
          .tokens = request.clip.tokens(),
          .context_tokens = request.clip.context_tokens,
          .lora_rank = request.lora_rank,
          .lora_parameters = request.lora_parameters / request.model.layers,
          .weights = request.weights,
          .ffn_chunks = ffn_chunks};
}

// A stage's blocks are spread over its chunks, whose segments take turns with
// the other stage's.
void AddToChunks(const StageCost& cost, int chunks, size_t rank,
                 pipeline::CostModel* costs) {
  for (int chunk = 0; chunk < chunks; ++chunk) {
    pipeline::SegmentCost& segment =
        costs->segments[static_cast<size_t>(2 * chunk) + rank];
    segment.forward_seconds += cost.forward_seconds / chunks;
    segment.backward_seconds += cost.backward_seconds / chunks;
  }
}

}  // namespace

PlanSearch::PlanSearch(const PlanRequest& request, int64_t ffn_chunks)
    : request_(&request) {
  for (const DeviceRates& device : request.devices) {
    blocks_.push_back(MakeBlockModel(WorkOf(request, ffn_chunks), device));
  }
}

absl::StatusOr<PlanSearch> PlanSearch::Create(const PlanRequest& request,
                                              int64_t ffn_chunks) {
  PlanSearch search(request, ffn_chunks);
  HP_ASSIGN_OR_RETURN(search.schedules_, SchedulesOf(request));
  return search;
}

int64_t PlanSearch::FirstSplit() const {
  const int64_t layers = request_->model.layers;
  if (stages() == 1) return layers;
  return request_->split.value_or((layers + 1) / 2);
}

std::vector<int64_t> PlanSearch::Splits() const {
  const int64_t first = FirstSplit();
  std::vector<int64_t> splits = {first};
  if (stages() == 1 || request_->split.has_value()) return splits;
  const int64_t layers = request_->model.layers;
  const bool equal = request_->devices.front() == request_->devices.back();
  const int64_t reach = equal ? kSplitReach : layers;
  for (int64_t away = 1; away <= reach; ++away) {
    for (int64_t split : {first - away, first + away}) {
      if (split >= 1 && split < layers) splits.push_back(split);
    }
  }
  return splits;
}

PlanSearch::Choice PlanSearch::MakeChoice(int64_t split,
                                          const pipeline::Schedule& schedule,
                                          int rank, bool leanest) {
  const auto index = static_cast<size_t>(rank);
  const int64_t blocks = rank == 0 ? split : request_->model.layers - split;
  const pipeline::RankUse& use = schedule.use[index];
  const int32_t live = std::max(1, use.max_live);
  const BlockModel& block = blocks_[index];
  Choice choice;
  FillBase(*request_, block,
           {rank, stages(), blocks, live, use.waiting.total()}, &choice.plan);
  const StagePlan& plan = choice.plan;
  choice.room_bytes = WithoutSlack(plan.budget_bytes - plan.fixed_bytes -
                                   plan.weight_bytes - plan.trained_bytes) -
                      plan.boundary_bytes;
  const auto key = std::make_tuple(rank, blocks, use.moments, leanest);
  auto it = costed_.find(key);
  if (it == costed_.end()) {
    const CopyRates copies =
        CopyRatesOf(request_->devices[index], block, blocks);
    StageOptions options =
        request_->policy.has_value()
            ? StageOptions::Uniform(*request_->policy, block, copies, blocks,
                                    use.moments)
        : leanest
            ? StageOptions::EnumerateLeanest(block, copies, blocks, use.moments)
            : StageOptions::Enumerate(block, copies, blocks, use.moments);
    it = costed_.emplace(key, std::move(options)).first;
  }
  choice.options = &it->second;
  return choice;
}

StagePlan PlanSearch::WithOption(const Choice& choice,
                                 const StageOption& option) {
  StagePlan stage = choice.plan;
  stage.activations = option.plan;
  stage.cost = option.cost;
  const int64_t dynamic = stage.boundary_bytes + stage.cost.device_bytes();
  stage.slack_bytes = SlackOf(dynamic);
  stage.peak_bytes = stage.fixed_bytes + stage.weight_bytes +
                     stage.trained_bytes + dynamic + stage.slack_bytes;
  return stage;
}

std::vector<Shortfall> PlanSearch::ShortfallsAt(int64_t split) {
  std::vector<Shortfall> result;
  int64_t shared = 0;
  const bool one_budget = request_->host_memory_bytes.size() == 1;
  for (int rank = 0; rank < stages(); ++rank) {
    const Choice choice =
        MakeChoice(split, schedules_.front(), rank, /*leanest=*/true);
    Shortfall lacks;
    const int64_t host =
        request_->host_memory_bytes[one_budget ? 0 : static_cast<size_t>(rank)];
    const StageOption& leanest = choice.options->Leanest();
    lacks.leanest = WithOption(choice, leanest);
    lacks.device_bytes = lacks.leanest.peak_bytes - lacks.leanest.budget_bytes;
    // Slack is rounded, room is exact.
    if (leanest.cost.device_bytes() > choice.room_bytes) {
      lacks.device_bytes = std::max<int64_t>(1, lacks.device_bytes);
    } else {
      lacks.device_bytes = std::min<int64_t>(0, lacks.device_bytes);
      lacks.least_host_bytes =
          choice.options->LeastHostBytes(choice.room_bytes);
      shared += lacks.least_host_bytes;
      lacks.host_bytes = (one_budget ? shared : lacks.least_host_bytes) - host;
    }
    result.push_back(std::move(lacks));
  }
  return result;
}

bool PlanSearch::Fits(int64_t split) {
  const std::vector<Shortfall> lacks = ShortfallsAt(split);
  return std::all_of(lacks.begin(), lacks.end(), [](const Shortfall& stage) {
    return stage.device_bytes <= 0 && stage.host_bytes <= 0;
  });
}

std::optional<PlanSearch::Pair> PlanSearch::PairWithin(
    const std::vector<Choice>& choices, const std::vector<int64_t>& budgets) {
  Pair pair;
  pair.reserve(choices.size());
  for (size_t r = 0; r < choices.size(); ++r) {
    const StageOption* option =
        choices[r].options->Fastest(choices[r].room_bytes, budgets[r]);
    if (option == nullptr) return std::nullopt;
    pair.push_back(option);
  }
  return pair;
}

std::vector<std::vector<int64_t>> PlanSearch::HostBudgets(
    const std::vector<Choice>& choices) const {
  std::vector<std::vector<int64_t>> budgets;
  for (const int64_t part : kHostParts) {
    std::vector<int64_t> limits = request_->host_memory_bytes;
    for (int64_t& limit : limits) limit = limit / kWholeHost * part;
    if (static_cast<int>(limits.size()) == stages()) {
      budgets.push_back(limits);
      continue;
    }
    // No equal part may be just what a stage cannot do without.
    const Choice& first = choices.front();
    const int64_t least = first.options->LeastHostBytes(first.room_bytes);
    budgets.push_back({least, limits.front() - least});
    for (int64_t share = 0; share <= kHostShares; ++share) {
      const int64_t unit = limits.front() / kHostShares;
      budgets.push_back({unit * share, unit * (kHostShares - share)});
    }
  }
  return budgets;
}

std::vector<PlanSearch::Pair> PlanSearch::PairsOf(
    const std::vector<Choice>& choices) const {
  std::vector<Pair> pairs;
  for (const std::vector<int64_t>& budgets : HostBudgets(choices)) {
    std::optional<Pair> pair = PairWithin(choices, budgets);
    if (!pair.has_value()) continue;
    if (std::find(pairs.begin(), pairs.end(), *pair) == pairs.end()) {
      pairs.push_back(*std::move(pair));
    }
  }
  return pairs;
}

absl::StatusOr<TrainingPlan> PlanSearch::Simulated(
    int64_t split, const Candidate& candidate) const {
  const std::vector<Choice>& choices = candidate.choices;
  const Pair& pair = candidate.pair;
  TrainingPlan plan;
  plan.split = split;
  plan.optimizer_on_host = request_->optimizer_on_host;
  plan.schedule = *candidate.schedule;
  const int32_t chunks = pipeline::ChunksOf(plan.schedule.options);
  plan.costs = CostsOutsideBlocks(*request_, blocks_.front(), chunks);
  for (size_t r = 0; r < choices.size(); ++r) {
    StagePlan stage = WithOption(choices[r], *pair[r]);
    AddToChunks(stage.cost, chunks, r, &plan.costs);
    plan.stages.push_back(std::move(stage));
  }
  HP_ASSIGN_OR_RETURN(pipeline::SegmentTable table,
                      pipeline::TableOf(plan.schedule.options));
  HP_ASSIGN_OR_RETURN(
      plan.simulation,
      pipeline::Simulate(table, plan.schedule.ranks, plan.costs));
  return plan;
}

double PlanSearch::BoundOf(const Pair& pair, int32_t chunks) const {
  const int32_t microbatches = request_->schedule.microbatches;
  double bound = pair.front()->cost.seconds() * microbatches;
  if (pair.size() > 1) {
    // Stage 1 works between stage 0's first forward and its last backward, of
    // its first chunk.
    bound = std::max(bound, pair.front()->cost.seconds() / chunks +
                                pair.back()->cost.seconds() * microbatches);
  }
  return bound;
}

std::vector<PlanSearch::Candidate> PlanSearch::CandidatesAt(int64_t split) {
  std::vector<Candidate> candidates;
  for (const pipeline::Schedule& schedule : schedules_) {
    std::vector<Choice> choices;
    choices.reserve(static_cast<size_t>(stages()));
    for (int rank = 0; rank < stages(); ++rank) {
      choices.push_back(MakeChoice(split, schedule, rank, /*leanest=*/false));
    }
    const int32_t chunks = pipeline::ChunksOf(schedule.options);
    for (Pair& pair : PairsOf(choices)) {
      const double bound = BoundOf(pair, chunks);
      candidates.push_back({&schedule, choices, std::move(pair), bound});
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) {
                     return a.bound_seconds < b.bound_seconds;
                   });
  return candidates;
}

absl::StatusOr<std::optional<TrainingPlan>> PlanSearch::BestAt(int64_t split) {
  std::vector<TrainingPlan> plans;
  double fastest = std::numeric_limits<double>::infinity();
  for (const Candidate& candidate : CandidatesAt(split)) {
    if (candidate.bound_seconds > fastest * kTolerance) break;
    HP_ASSIGN_OR_RETURN(TrainingPlan plan, Simulated(split, candidate));
    if (plan.step_seconds() > fastest * kTolerance) continue;
    fastest = std::min(fastest, plan.step_seconds());
    plans.push_back(std::move(plan));
  }
  std::optional<TrainingPlan> best;
  for (TrainingPlan& plan : plans) {
    if (plan.step_seconds() > fastest * kTolerance) continue;
    if (!best.has_value() ||
        plan.pinned_host_bytes() < best->pinned_host_bytes()) {
      best = std::move(plan);
    }
  }
  return best;
}

}  // namespace halfpipe
