#include "stage/train/segments.h"

#include <algorithm>
#include <optional>

#include "common/base/status.h"
#include "common/pipeline/segment_table.h"

namespace halfpipe {
std::vector<SegmentContent> MakeSegments(int64_t layers, int64_t split,
                                         int32_t world, int32_t chunks) {
  HP_CHECK(world >= 1 && chunks >= 1 && (world > 1 || chunks == 1));
  // A single stage has two segments with blocks, the second of them empty.
  const int32_t parts = std::max(world, 2);
  const std::vector<int64_t> blocks =
      pipeline::BlocksOfStages(layers, split, parts);
  std::vector<SegmentContent> segments;
  int64_t begin = 0;
  for (int32_t chunk = 0; chunk < chunks; ++chunk) {
    for (int32_t part = 0; part < parts; ++part) {
      const int64_t end =
          begin +
          pipeline::EvenShare(blocks[static_cast<size_t>(part)], chunk, chunks);
      segments.push_back(
          {.rank = Rank(world > 1 ? part : 0), .blocks = {begin, end}});
      begin = end;
    }
  }
  segments.front().embeds = true;
  segments.push_back(
      {.rank = Rank(0), .blocks = {layers, layers}, .is_head = true});
  return segments;
}

int32_t RankCount(const std::vector<SegmentContent>& segments) {
  int32_t count = 0;
  for (const SegmentContent& segment : segments) {
    count = std::max(count, segment.rank.value() + 1);
  }
  return count;
}

std::vector<BlockRange> BlocksOf(const std::vector<SegmentContent>& segments,
                                 Rank rank) {
  std::vector<BlockRange> ranges;
  for (const SegmentContent& segment : segments) {
    if (segment.rank == rank && segment.blocks.size() > 0) {
      ranges.push_back(segment.blocks);
    }
  }
  return ranges;
}

std::vector<Rank> LoraTensorOwners(const ModelSpec& model,
                                   const std::vector<SegmentContent>& segments,
                                   const std::vector<std::string>& modules) {
  std::vector<Rank> owners;
  for (const std::string& module : modules) {
    const std::optional<int64_t> block = BlockOf(model, module);
    HP_CHECK(block.has_value());
    const auto holder = std::find_if(
        segments.begin(), segments.end(), [&](const SegmentContent& segment) {
          return segment.blocks.begin <= *block && *block < segment.blocks.end;
        });
    HP_CHECK(holder != segments.end());
    owners.insert(owners.end(), 2, holder->rank);
  }
  return owners;
}

}  // namespace halfpipe
