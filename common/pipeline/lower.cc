#include "common/pipeline/lower.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/pipeline/cost_model.h"
#include "common/pipeline/dependencies.h"

namespace halfpipe::pipeline {
namespace {

// Integer time: equal moments compare equal on every machine.
using Ticks = int64_t;

constexpr double kTicksPerSlot = 1000.0;
constexpr Ticks kNotYet = std::numeric_limits<Ticks>::max();

class Lowering {
 public:
  Lowering(const SegmentTable& table, const ActionLists& compute, ListKind kind)
      : table_(table),
        kind_(kind),
        costs_(NominalCosts(table)),
        compute_(compute),
        ranks_(compute.size()),
        lowered_(compute.size()) {}

  absl::StatusOr<ActionLists> Run() {
    while (true) {
      const std::optional<size_t> rank = EarliestRank();
      if (!rank.has_value()) break;
      PlaceTransfersUntil(StartOf(*rank));
      Start(*rank);
    }
    PlaceTransfersUntil(kNotYet);
    for (size_t r = 0; r < ranks_.size(); ++r) {
      if (ranks_[r].next < compute_[r].size()) return Stuck(r);
    }
    if (kind_ == ListKind::kEvaluation) return std::move(lowered_);
    for (std::vector<Action>& list : lowered_) {
      if (ranks_.size() > 1) list.push_back({Op::kExchangeGradNorm, {}, {}});
      list.push_back({Op::kOptimizerStep, {}, {}});
    }
    return std::move(lowered_);
  }

 private:
  struct RankState {
    size_t next = 0;  // index in the compute list
    Ticks free_at = 0;
  };

  struct PendingSend {
    Ticks ready_at;
    size_t rank;
    Action send;
  };

  // When the rank's next action can start; kNotYet while its input is not made.
  [[nodiscard]] Ticks StartOf(size_t r) const {
    if (ranks_[r].next == compute_[r].size()) return kNotYet;
    const Action& action = compute_[r][ranks_[r].next];
    const std::optional<Action> producer = ProducerOf(table_, action);
    if (!producer.has_value()) return ranks_[r].free_at;
    const auto end = end_of_.find(ToString(*producer));
    if (end == end_of_.end()) return kNotYet;
    return std::max(ranks_[r].free_at, end->second);
  }

  [[nodiscard]] std::optional<size_t> EarliestRank() const {
    std::optional<size_t> best;
    Ticks best_start = kNotYet;
    for (size_t r = 0; r < ranks_.size(); ++r) {
      if (StartOf(r) < best_start) {
        best = r;
        best_start = StartOf(r);
      }
    }
    return best;
  }

  void Start(size_t r) {
    const Action& action = compute_[r][ranks_[r].next];
    const Ticks end =
        StartOf(r) + std::llround(costs_.SecondsOf(action) * kTicksPerSlot);
    lowered_[r].push_back(action);
    end_of_[ToString(action)] = end;
    ranks_[r] = {ranks_[r].next + 1, end};
    if (std::optional<Action> send = SendOf(table_, action)) {
      pending_.push_back({end, r, *send});
    }
  }

  void PlaceTransfersUntil(Ticks now) {
    // At most one pending send a rank, so a stable sort keeps rank order.
    std::stable_sort(pending_.begin(), pending_.end(),
                     [](const PendingSend& a, const PendingSend& b) {
                       return std::pair(a.ready_at, a.rank) <
                              std::pair(b.ready_at, b.rank);
                     });
    auto pending = pending_.begin();
    for (; pending != pending_.end() && pending->ready_at <= now; ++pending) {
      const Action receive = ReceiveOf(pending->send);
      const Rank peer = table_.rank_of(receive.segment);
      lowered_[pending->rank].push_back(pending->send);
      lowered_[static_cast<size_t>(peer.value())].push_back(receive);
    }
    pending_.erase(pending_.begin(), pending);
  }

  absl::Status Stuck(size_t r) const {
    const Action& action = compute_[r][ranks_[r].next];
    return absl::InvalidArgumentError(
        absl::StrCat("the schedule never gets past ", ToString(action),
                     " of rank ", r, " (position ", ranks_[r].next,
                     "): what it needs comes later or never"));
  }

  const SegmentTable& table_;
  const ListKind kind_;
  const CostModel costs_;
  const ActionLists& compute_;
  std::vector<RankState> ranks_;
  ActionLists lowered_;
  std::vector<PendingSend> pending_;
  absl::flat_hash_map<std::string, Ticks> end_of_;  // by action text
};

}  // namespace

absl::StatusOr<ActionLists> Lower(const SegmentTable& table,
                                  const ActionLists& compute, ListKind kind) {
  if (compute.size() != static_cast<size_t>(table.rank_count())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a schedule has one list for each rank; found ", table.rank_count(),
        " ranks and ", compute.size(), " lists"));
  }
  return Lowering(table, compute, kind).Run();
}

}  // namespace halfpipe::pipeline
