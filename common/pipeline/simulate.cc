#include "common/pipeline/simulate.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/pipeline/dependencies.h"

namespace halfpipe::pipeline {
namespace {

bool OnComputeLane(Op op) { return IsCompute(op) || op == Op::kOptimizerStep; }

// A queue of list positions that one stream works through in order.
struct Lane {
  std::vector<size_t> positions;
  size_t next = 0;
  double free_at = 0.0;

  [[nodiscard]] bool done() const { return next == positions.size(); }

  [[nodiscard]] size_t position() const { return positions[next]; }

  void Advance(double end) {
    ++next;
    free_at = end;
  }
};

class Simulator {
 public:
  Simulator(const SegmentTable& table, const ActionLists& ranks,
            const CostModel& costs)
      : table_(table),
        ranks_(ranks),
        costs_(costs),
        compute_(ranks.size()),
        transfer_(ranks.size()),
        end_of_(ranks.size()),
        last_backward_(ranks.size(), 0.0),
        norm_end_(0.0) {
    for (size_t r = 0; r < ranks.size(); ++r) {
      for (size_t i = 0; i < ranks[r].size(); ++i) {
        Lane& lane = OnComputeLane(ranks[r][i].op) ? compute_[r] : transfer_[r];
        lane.positions.push_back(i);
      }
      result_.timeline.emplace_back(ranks[r].size());
    }
  }

  absl::StatusOr<Simulation> Run() {
    bool advanced = true;
    while (advanced) {
      advanced = AdvanceTransfer();
      for (size_t r = 0; r < ranks_.size(); ++r) {
        while (AdvanceCompute(r)) advanced = true;
      }
    }
    for (size_t r = 0; r < ranks_.size(); ++r) {
      if (!compute_[r].done() || !transfer_[r].done()) return Deadlock();
    }
    Summarise();
    return std::move(result_);
  }

 private:
  // When what the compute action needs has been made or has arrived.
  [[nodiscard]] std::optional<double> ReadyAt(size_t r,
                                              const Action& action) const {
    if (action.op == Op::kOptimizerStep) {
      if (ranks_.size() > 1 && !norm_done_) return std::nullopt;
      return norm_end_;
    }
    const std::optional<Action> producer = ProducerOf(table_, action);
    if (!producer.has_value()) return 0.0;
    const Rank rank = table_.rank_of(producer->segment);
    if (rank == Rank(static_cast<int32_t>(r))) return EndOf(r, *producer);
    return EndOf(r, ReceiveOf(*SendOf(table_, *producer)));
  }

  [[nodiscard]] std::optional<double> EndOf(size_t r,
                                            const Action& action) const {
    const auto end = end_of_[r].find(ToString(action));
    if (end == end_of_[r].end()) return std::nullopt;
    return end->second;
  }

  bool AdvanceCompute(size_t r) {
    Lane& lane = compute_[r];
    if (lane.done()) return false;
    const Action& action = ranks_[r][lane.position()];
    const std::optional<double> ready = ReadyAt(r, action);
    if (!ready.has_value()) return false;
    const double start = std::max(lane.free_at, *ready);
    const double end = start + costs_.SecondsOf(action);
    Record(r, lane.position(), start, end);
    if (action.op == Op::kBackward) last_backward_[r] = end;
    lane.Advance(end);
    return true;
  }

  // Runs a transfer that is at the front of the lanes of all its ranks, once
  // its data is ready.
  bool AdvanceTransfer() {
    for (size_t r = 0; r < ranks_.size(); ++r) {
      const Action* front = FrontOf(r);
      if (front == nullptr || !IsSend(front->op)) continue;
      const Action receive = ReceiveOf(*front);
      const auto peer =
          static_cast<size_t>(table_.rank_of(receive.segment).value());
      const Action* opposite = FrontOf(peer);
      if (opposite == nullptr || *opposite != receive) continue;
      const std::optional<double> ready = EndOf(r, ComputeOf(*front));
      if (!ready.has_value()) continue;
      Transfer({r, peer}, *ready);
      return true;
    }
    return AdvanceNorm();
  }

  // A norm is ready behind the last backward of every compute lane.
  bool AdvanceNorm() {
    double ready = 0.0;
    std::vector<size_t> all;
    for (size_t r = 0; r < ranks_.size(); ++r) {
      const Action* front = FrontOf(r);
      if (front == nullptr || front->op != Op::kExchangeGradNorm ||
          !OnlyStepLeft(r)) {
        return false;
      }
      ready = std::max(ready, last_backward_[r]);
      all.push_back(r);
    }
    norm_end_ = Transfer(all, ready);
    norm_done_ = true;
    return true;
  }

  // The next action of a transfer lane; nullptr: none.
  [[nodiscard]] const Action* FrontOf(size_t r) const {
    return transfer_[r].done() ? nullptr : &ranks_[r][transfer_[r].position()];
  }

  // Runs what is at the front of these lanes, and returns when it ends.
  double Transfer(const std::vector<size_t>& ranks, double ready) {
    double start = ready;
    for (size_t r : ranks) start = std::max(start, transfer_[r].free_at);
    const double end = start + costs_.SecondsOf(*FrontOf(ranks.front()));
    for (size_t r : ranks) {
      Record(r, transfer_[r].position(), start, end);
      transfer_[r].Advance(end);
    }
    return end;
  }

  [[nodiscard]] bool OnlyStepLeft(size_t r) const {
    return compute_[r].next + 1 >= compute_[r].positions.size();
  }

  static Action ComputeOf(const Action& send) {
    const Op op = send.op == Op::kSendActivation ? Op::kForward : Op::kBackward;
    return {op, send.segment, send.microbatch};
  }

  void Record(size_t r, size_t position, double start, double end) {
    const Action& action = ranks_[r][position];
    result_.timeline[r][position] = {action, start, end};
    end_of_[r][ToString(action)] = end;
  }

  void Summarise() {
    double busy_ratio = 0.0;
    for (const auto& list : result_.timeline) {
      double busy = 0.0;
      for (const TimedAction& timed : list) {
        result_.makespan_seconds =
            std::max(result_.makespan_seconds, timed.end_seconds);
        if (OnComputeLane(timed.action.op)) {
          busy += timed.end_seconds - timed.start_seconds;
        }
      }
      result_.busy_seconds.push_back(busy);
    }
    if (result_.makespan_seconds <= 0.0) return;
    for (double busy : result_.busy_seconds) {
      busy_ratio += busy / result_.makespan_seconds;
    }
    result_.bubble_ratio =
        1.0 - busy_ratio / static_cast<double>(ranks_.size());
  }

  absl::Status Deadlock() const {
    std::string message = "deadlock:";
    for (size_t r = 0; r < ranks_.size(); ++r) {
      for (const Lane* lane : {&compute_[r], &transfer_[r]}) {
        if (lane->done()) continue;
        absl::StrAppend(&message, " rank ", r, " waits at ",
                        ToString(ranks_[r][lane->position()]), " (position ",
                        lane->position(), ")");
      }
    }
    return absl::InvalidArgumentError(message);
  }

  const SegmentTable& table_;
  const ActionLists& ranks_;
  const CostModel& costs_;
  std::vector<Lane> compute_;   // one a rank
  std::vector<Lane> transfer_;  // one a rank
  std::vector<absl::flat_hash_map<std::string, double>> end_of_;
  std::vector<double> last_backward_;
  bool norm_done_ = false;
  double norm_end_;
  Simulation result_;
};

}  // namespace

absl::StatusOr<Simulation> Simulate(const SegmentTable& table,
                                    const ActionLists& ranks,
                                    const CostModel& costs) {
  if (costs.segments.size() != static_cast<size_t>(table.segment_count())) {
    return absl::InvalidArgumentError(
        absl::StrCat("the cost model has ", costs.segments.size(),
                     " segments, the table ", table.segment_count()));
  }
  if (ranks.size() != static_cast<size_t>(table.rank_count())) {
    return absl::InvalidArgumentError("one action list a rank is needed");
  }
  return Simulator(table, ranks, costs).Run();
}

}  // namespace halfpipe::pipeline
