// Which piece of the model sits on which rank.
#ifndef HP_COMMON_PIPELINE_SEGMENT_TABLE_H_
#define HP_COMMON_PIPELINE_SEGMENT_TABLE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ids.h"

namespace halfpipe::pipeline {

// Segments in the order in which the forward pass goes through them. The last
// one is the head with the loss. A plain value; every pass reads the placement
// here and nowhere else, so another placement is another table.
class SegmentTable {
 public:
  // The product's table: the ranks in their order, then the head on rank 0.
  // With two stages {0, 1, 0}: embeddings and first half on rank 0, second half
  // on rank 1, head on rank 0; with three {0, 1, 2, 0}. With more chunks a
  // stage the ranks take turns before the head, {0, 1, 0, 1, 0} for two chunks
  // of two stages. With one stage there is nothing to interleave: three
  // segments on rank 0. InvalidArgument for no stage, or no chunk.
  [[nodiscard]] static absl::StatusOr<SegmentTable> ForStages(int stages,
                                                              int chunks = 1);

  // ranks[s] is the rank of segment s. InvalidArgument when it is empty or a
  // rank below the largest one has no segment.
  [[nodiscard]] static absl::StatusOr<SegmentTable> FromRanks(
      std::vector<Rank> ranks);

  [[nodiscard]] int32_t segment_count() const {
    return static_cast<int32_t>(ranks_.size());
  }

  [[nodiscard]] int32_t rank_count() const { return rank_count_; }

  // REQUIRES: has(segment).
  [[nodiscard]] Rank rank_of(Segment segment) const {
    return ranks_[static_cast<size_t>(segment.value())];
  }

  [[nodiscard]] bool has(Segment segment) const {
    return segment.value() >= 0 && segment.value() < segment_count();
  }

  [[nodiscard]] Segment head() const { return Segment(segment_count() - 1); }

  // Whether its rank has no earlier segment. REQUIRES: has(segment).
  [[nodiscard]] bool is_first_of_rank(Segment segment) const;

  // Whether the output of `segment` goes to another rank.
  [[nodiscard]] bool crosses_after(Segment segment) const;

  // The segments of `rank`, ascending.
  [[nodiscard]] std::vector<Segment> segments_of(Rank rank) const;

 private:
  SegmentTable(std::vector<Rank> ranks, int32_t rank_count)
      : ranks_(std::move(ranks)), rank_count_(rank_count) {}

  std::vector<Rank> ranks_;
  int32_t rank_count_;
};

// Parts of `count` as even as can be: the first ones take what is left over.
// REQUIRES: 0 <= part < parts.
[[nodiscard]] constexpr int64_t EvenShare(int64_t count, int64_t part,
                                          int64_t parts) {
  return count / parts + (part < count % parts ? 1 : 0);
}

// The blocks of each of so many stages: `split` on rank 0, the others evenly on
// the ranks behind it, so of a pair all of them on rank 1. One stage has all.
// REQUIRES: 0 <= split <= layers, stages >= 1.
[[nodiscard]] std::vector<int64_t> BlocksOfStages(int64_t layers, int64_t split,
                                                  int32_t stages);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_SEGMENT_TABLE_H_
