#include "common/pipeline/live_moments.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace halfpipe::pipeline {
namespace {

bool Covers(const LiveMoment& more, const LiveMoment& less) {
  return more.chunk == less.chunk &&
         std::equal(more.live.begin(), more.live.end(), less.live.begin(),
                    std::greater_equal<>());
}

// Unless another one has as much in every chunk; those that have less go.
void Add(LiveMoment moment, std::vector<LiveMoment>* moments) {
  const bool covered = std::any_of(
      moments->begin(), moments->end(),
      [&](const LiveMoment& other) { return Covers(other, moment); });
  if (covered) return;
  std::erase_if(*moments,
                [&](const LiveMoment& other) { return Covers(moment, other); });
  moments->push_back(std::move(moment));
}

// The chunk of each segment with blocks; of a single rank they are one.
std::map<int32_t, size_t> ChunksOnRank(const SegmentTable& table, size_t rank) {
  std::map<int32_t, size_t> chunks;
  for (const Segment segment :
       table.segments_of(Rank(static_cast<int32_t>(rank)))) {
    if (segment == table.head()) continue;
    const size_t next = table.rank_count() == 1 ? 0 : chunks.size();
    chunks.emplace(segment.value(), next);
  }
  return chunks;
}

}  // namespace

std::vector<LiveMoment> LiveMomentsOf(const SegmentTable& table,
                                      const ActionLists& ranks, size_t rank) {
  const std::map<int32_t, size_t> chunks = ChunksOnRank(table, rank);
  // By chunk and micro-batch: segments that it is live in.
  std::vector<std::map<int32_t, int32_t>> live(
      table.rank_count() == 1 ? 1 : chunks.size());
  std::vector<LiveMoment> moments;
  for (const auto& [op, segment, microbatch] : ranks[rank]) {
    if (op != Op::kForward && op != Op::kBackward) continue;
    const auto found = chunks.find(segment.value());
    if (found == chunks.end()) continue;
    std::map<int32_t, int32_t>& here = live[found->second];
    if (op == Op::kForward) ++here[microbatch.value()];
    LiveMoment moment{static_cast<int32_t>(found->second), {}};
    for (const auto& chunk : live) {
      moment.live.push_back(static_cast<int32_t>(chunk.size()));
    }
    Add(std::move(moment), &moments);
    if (op == Op::kBackward && --here[microbatch.value()] == 0) {
      here.erase(microbatch.value());
    }
  }
  std::sort(moments.begin(), moments.end());
  return moments;
}

}  // namespace halfpipe::pipeline
