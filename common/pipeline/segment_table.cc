#include "common/pipeline/segment_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace halfpipe::pipeline {

absl::StatusOr<SegmentTable> SegmentTable::ForStages(int stages, int chunks) {
  if (stages < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("stages is ", stages, ", expected at least 1"));
  }
  if (chunks < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunks a stage is ", chunks, ", expected at least 1"));
  }
  if (stages == 1) return FromRanks({Rank(0), Rank(0), Rank(0)});
  std::vector<Rank> ranks;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    for (int rank = 0; rank < stages; ++rank) ranks.emplace_back(rank);
  }
  ranks.emplace_back(0);
  return FromRanks(std::move(ranks));
}

absl::StatusOr<SegmentTable> SegmentTable::FromRanks(std::vector<Rank> ranks) {
  if (ranks.empty()) {
    return absl::InvalidArgumentError("the segment table is empty");
  }
  const Rank last = *std::max_element(ranks.begin(), ranks.end());
  const Rank first = *std::min_element(ranks.begin(), ranks.end());
  if (first.value() < 0) {
    return absl::InvalidArgumentError("a segment has a negative rank");
  }
  for (int32_t rank = 0; rank <= last.value(); ++rank) {
    if (std::find(ranks.begin(), ranks.end(), Rank(rank)) == ranks.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("rank ", rank, " has no segment"));
    }
  }
  return SegmentTable(std::move(ranks), last.value() + 1);
}

bool SegmentTable::is_first_of_rank(Segment segment) const {
  return std::find(ranks_.begin(), ranks_.end(), rank_of(segment)) ==
         ranks_.begin() + segment.value();
}

bool SegmentTable::crosses_after(Segment segment) const {
  const Segment next(segment.value() + 1);
  return has(segment) && has(next) && rank_of(segment) != rank_of(next);
}

std::vector<int64_t> BlocksOfStages(int64_t layers, int64_t split,
                                    int32_t stages) {
  if (stages == 1) return {layers};
  std::vector<int64_t> blocks = {split};
  for (int32_t rank = 1; rank < stages; ++rank) {
    blocks.push_back(EvenShare(layers - split, rank - 1, stages - 1));
  }
  return blocks;
}

std::vector<Segment> SegmentTable::segments_of(Rank rank) const {
  std::vector<Segment> segments;
  for (int32_t s = 0; s < segment_count(); ++s) {
    if (rank_of(Segment(s)) == rank) segments.push_back(Segment(s));
  }
  return segments;
}

}  // namespace halfpipe::pipeline
