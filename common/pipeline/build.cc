#include "common/pipeline/build.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace halfpipe::pipeline {
namespace {

// Appends to the list of whichever rank holds the segment.
class Writer {
 public:
  explicit Writer(const SegmentTable& table)
      : table_(table), lists_(static_cast<size_t>(table.rank_count())) {}

  void Forward(int32_t segment, int32_t microbatch) {
    Add({Op::kForward, Segment(segment), Microbatch(microbatch)});
  }

  void Backward(int32_t segment, int32_t microbatch) {
    Add({Op::kBackward, Segment(segment), Microbatch(microbatch)});
  }

  [[nodiscard]] ActionLists Take() && { return std::move(lists_); }

 private:
  void Add(const Action& action) {
    const Rank rank = table_.rank_of(action.segment);
    lists_[static_cast<size_t>(rank.value())].push_back(action);
  }

  const SegmentTable& table_;
  ActionLists lists_;
};

// A stretch [begin, end) of neighbouring segments on one rank.
struct Run {
  int32_t begin;
  int32_t end;
};

std::vector<Run> RunsOf(const SegmentTable& table) {
  std::vector<Run> runs = {{0, 1}};
  for (int32_t s = 1; s < table.segment_count(); ++s) {
    if (table.crosses_after(Segment(s - 1))) runs.push_back({s, s});
    runs.back().end = s + 1;
  }
  return runs;
}

// One segment with blocks on each rank, in order, and the head on rank 0.
bool IsOneRound(const SegmentTable& table) {
  if (table.segment_count() != table.rank_count() + 1) return false;
  for (int32_t s = 0; s < table.segment_count(); ++s) {
    if (table.rank_of(Segment(s)) != Rank(s % table.rank_count())) return false;
  }
  return true;
}

absl::Status CheckWarmup(Warmup warmup) {
  if (warmup.second < 1 || warmup.first < warmup.second) {
    return absl::InvalidArgumentError(absl::StrCat(
        "warm-up (", warmup.first, ",", warmup.second,
        "): expected 1 <= second <= first, the forwards of each half before "
        "its first backward"));
  }
  return absl::OkStatus();
}

}  // namespace

ActionLists BuildSequential(const SegmentTable& table, int32_t microbatches) {
  Writer out(table);
  for (int32_t m = 0; m < microbatches; ++m) {
    for (int32_t s = 0; s < table.segment_count(); ++s) out.Forward(s, m);
    for (int32_t s = table.segment_count(); s-- > 0;) out.Backward(s, m);
  }
  return std::move(out).Take();
}

ActionLists BuildGpipe(const SegmentTable& table, int32_t microbatches) {
  Writer out(table);
  const std::vector<Run> runs = RunsOf(table);
  const int32_t head = table.head().value();
  for (const Run& run : runs) {
    for (int32_t m = 0; m < microbatches; ++m) {
      for (int32_t s = run.begin; s < run.end; ++s) out.Forward(s, m);
      if (run.end > head) out.Backward(head, m);
    }
  }
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    for (int32_t m = 0; m < microbatches; ++m) {
      for (int32_t s = std::min(run->end, head); s-- > run->begin;) {
        out.Backward(s, m);
      }
    }
  }
  return std::move(out).Take();
}

absl::StatusOr<ActionLists> BuildOneFOneB(const SegmentTable& table,
                                          int32_t microbatches, Warmup warmup) {
  HP_RETURN_IF_ERROR(CheckWarmup(warmup));
  if (table.rank_count() == 1) return BuildSequential(table, microbatches);
  if (!IsOneRound(table)) {
    return absl::InvalidArgumentError(
        "1f1b places one segment on each rank, in order, and the head on rank "
        "0, or all on one rank");
  }
  const auto in_step = [=](int32_t m) { return m >= 0 && m < microbatches; };
  Writer out(table);
  const int32_t ranks = table.rank_count();
  const int32_t head = table.head().value();
  for (int32_t rank = 0; rank < ranks; ++rank) {
    const int32_t depth = WarmupDepth(warmup, ranks, rank);
    // The head of a micro-batch follows as many later forwards of segment 0 as
    // fit while it crosses all ranks, and leaves one before 0B for each of the
    // others.
    const int32_t head_lag = std::max(0, depth - ranks);
    for (int32_t slot = 0; slot < microbatches + depth; ++slot) {
      if (in_step(slot)) out.Forward(rank, slot);
      if (rank == 0 && in_step(slot - head_lag)) {
        out.Forward(head, slot - head_lag);
        out.Backward(head, slot - head_lag);
      }
      if (in_step(slot - depth + 1)) out.Backward(rank, slot - depth + 1);
    }
  }
  return std::move(out).Take();
}

}  // namespace halfpipe::pipeline
