#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/pipeline/build.h"
#include "common/pipeline/cost_model.h"
#include "common/pipeline/dependencies.h"

namespace halfpipe::pipeline {
namespace {

// Integer time: equal moments compare equal on every machine.
using Ticks = int64_t;

constexpr double kTicksPerUnit = 1000.0;
// Of NominalCosts' unit. Not free, so that of two ranks' actions that end at
// one time, a rank goes on with what it has.
constexpr Ticks kTransfer = 20;
constexpr Ticks kNever = std::numeric_limits<Ticks>::max();

struct SegmentState {
  int32_t forwards = 0;   // done; also the next micro-batch
  int32_t backwards = 0;  // done; also the next micro-batch
  int32_t deeper = 0;     // chunks behind this one on the same rank
  std::vector<Ticks> forward_end;
  std::vector<Ticks> backward_end;
};

struct RankState {
  Ticks free_at = 0;
  int32_t live = 0;
  int32_t bound = 0;
};

// A whole step.
struct BuiltStep {
  ActionLists lists;
  Ticks end = kNever;
};

struct Candidate {
  Ticks start;
  // Kind, then what decides within the kind; smaller is better.
  std::tuple<int32_t, int32_t, int32_t, int32_t> priority;
  Action action;
};

class ListScheduler {
 public:
  // bounds[r]: live chunks of rank r; `group`: micro-batches that go together.
  ListScheduler(const SegmentTable& table, int32_t microbatches,
                const std::vector<int32_t>& bounds, int32_t group)
      : table_(table),
        costs_(NominalCosts(table)),
        microbatches_(microbatches),
        group_(group),
        segments_(static_cast<size_t>(table.segment_count())),
        ranks_(static_cast<size_t>(table.rank_count())),
        lists_(ranks_.size()) {
    for (size_t r = 0; r < ranks_.size(); ++r) {
      ranks_[r].bound = bounds[r];
      const std::vector<Segment> own =
          table.segments_of(Rank(static_cast<int32_t>(r)));
      for (Segment segment : own) {
        state(segment).deeper = static_cast<int32_t>(
            std::count_if(own.begin(), own.end(), [&](Segment other) {
              return other.value() > segment.value() && other != table.head();
            }));
      }
    }
    for (SegmentState& segment : segments_) {
      segment.forward_end.assign(static_cast<size_t>(microbatches), kNever);
      segment.backward_end.assign(static_cast<size_t>(microbatches), kNever);
    }
  }

  // A step that never ends where the bounds hold everything up.
  BuiltStep Run() {
    const int64_t actions = int64_t{2} * table_.segment_count() * microbatches_;
    for (int64_t done = 0; done < actions; ++done) {
      const std::optional<Candidate> next = Earliest();
      if (!next.has_value()) return {};
      Take(*next);
    }
    BuiltStep step{.lists = std::move(lists_), .end = 0};
    for (const RankState& rank : ranks_) {
      step.end = std::max(step.end, rank.free_at);
    }
    return step;
  }

 private:
  SegmentState& state(Segment segment) {
    return segments_[static_cast<size_t>(segment.value())];
  }

  [[nodiscard]] const SegmentState& state(Segment segment) const {
    return segments_[static_cast<size_t>(segment.value())];
  }

  RankState& rank(Segment segment) {
    return ranks_[static_cast<size_t>(table_.rank_of(segment).value())];
  }

  [[nodiscard]] const RankState& rank(Segment segment) const {
    return ranks_[static_cast<size_t>(table_.rank_of(segment).value())];
  }

  // When the input of an action is there; kNever: not yet known.
  [[nodiscard]] Ticks ReadyAt(const Action& action) const {
    const std::optional<Action> producer = ProducerOf(table_, action);
    if (!producer.has_value()) return 0;
    const auto m = static_cast<size_t>(producer->microbatch.value());
    const SegmentState& made = state(producer->segment);
    const Ticks end = producer->op == Op::kForward ? made.forward_end[m]
                                                   : made.backward_end[m];
    const bool crosses =
        table_.rank_of(producer->segment) != table_.rank_of(action.segment);
    return end == kNever ? kNever : end + (crosses ? kTransfer : 0);
  }

  // A chunk that begins must leave a place for each one behind it.
  [[nodiscard]] bool HasPlace(Segment segment) const {
    if (segment == table_.head()) return true;
    const RankState& own = rank(segment);
    return own.live + 1 + state(segment).deeper <= own.bound;
  }

  [[nodiscard]] std::optional<Action> NextForward(Segment segment) const {
    const int32_t next = state(segment).forwards;
    if (next == microbatches_ || !HasPlace(segment)) return std::nullopt;
    return Action{Op::kForward, segment, Microbatch(next)};
  }

  [[nodiscard]] std::optional<Action> NextBackward(Segment segment) const {
    const int32_t next = state(segment).backwards;
    if (next == state(segment).forwards) return std::nullopt;
    return Action{Op::kBackward, segment, Microbatch(next)};
  }

  [[nodiscard]] Candidate CandidateOf(const Action& action, Ticks ready) const {
    const auto [op, segment, microbatch] = action;
    const int32_t s = segment.value();
    const int32_t m = microbatch.value();
    const Ticks start = std::max(ready, rank(segment).free_at);
    const bool backward = op == Op::kBackward;
    if (segment == table_.head()) {
      return {start, {0, backward ? 0 : 1, m, 0}, action};
    }
    if (backward) return {start, {1, -s, m, 0}, action};
    return {start, {2, m / group_, s, m}, action};
  }

  // The action that starts first; on one rank the best of those, and of several
  // ranks that of the lowest.
  [[nodiscard]] std::optional<Candidate> Earliest() const {
    std::optional<Candidate> best;
    for (int32_t s = 0; s < table_.segment_count(); ++s) {
      for (const std::optional<Action>& action :
           {NextForward(Segment(s)), NextBackward(Segment(s))}) {
        if (!action.has_value()) continue;
        const Ticks ready = ReadyAt(*action);
        if (ready == kNever) continue;
        const Candidate candidate = CandidateOf(*action, ready);
        if (!best.has_value() || Before(candidate, *best)) best = candidate;
      }
    }
    return best;
  }

  [[nodiscard]] bool Before(const Candidate& a, const Candidate& b) const {
    const auto key = [this](const Candidate& c) {
      return std::tuple(c.start, table_.rank_of(c.action.segment).value(),
                        c.priority);
    };
    return key(a) < key(b);
  }

  void Take(const Candidate& next) {
    const auto [op, segment, microbatch] = next.action;
    const int32_t chunk = segment == table_.head() ? 0 : 1;
    const auto m = static_cast<size_t>(microbatch.value());
    SegmentState& own = state(segment);
    RankState& on = rank(segment);
    on.free_at = next.start +
                 std::llround(costs_.SecondsOf(next.action) * kTicksPerUnit);
    if (op == Op::kForward) {
      own.forward_end[m] = on.free_at;
      ++own.forwards;
      on.live += chunk;
    } else {
      own.backward_end[m] = on.free_at;
      ++own.backwards;
      on.live -= chunk;
    }
    lists_[static_cast<size_t>(table_.rank_of(segment).value())].push_back(
        next.action);
  }

  const SegmentTable& table_;
  const CostModel costs_;
  const int32_t microbatches_;
  const int32_t group_;
  std::vector<SegmentState> segments_;
  std::vector<RankState> ranks_;
  ActionLists lists_;
};

}  // namespace

absl::StatusOr<ActionLists> BuildInterleaved(const SegmentTable& table,
                                             int32_t microbatches,
                                             int32_t live_chunks) {
  if (table.rank_count() == 1) return BuildSequential(table, microbatches);
  const int32_t ranks = table.rank_count();
  const int32_t chunks = (table.segment_count() - 1) / ranks;
  const int32_t least = LeastLiveChunks(chunks, ranks);
  if (live_chunks < least) {
    return absl::InvalidArgumentError(
        absl::StrCat("interleaved: live_chunks is ", live_chunks, ", with ",
                     chunks, " chunks a stage expected at least ", least));
  }
  BuiltStep best;
  for (int32_t first = least; first <= live_chunks; ++first) {
    // Each rank begins later and ends earlier than the one before it: it needs
    // fewer, but one for each chunk.
    for (int32_t fewer = chunks + 1; fewer >= 1; --fewer) {
      std::vector<int32_t> bounds;
      for (int32_t rank = 0; rank < ranks; ++rank) {
        bounds.push_back(std::max(chunks, first - rank * fewer));
      }
      // Micro-batches that go through the segments together: one for each
      // rank, or with several chunks, where that is faster, a pair for each.
      for (const int32_t group : {ranks, 2 * ranks}) {
        BuiltStep step =
            ListScheduler(table, microbatches, bounds, group).Run();
        if (step.end < best.end) best = std::move(step);
      }
    }
  }
  if (best.end == kNever) {
    return absl::InvalidArgumentError(absl::StrCat(
        "interleaved: with ", live_chunks, " live chunks nothing can run"));
  }
  return std::move(best.lists);
}

}  // namespace halfpipe::pipeline
