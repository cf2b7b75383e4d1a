#include "stage/train/segments.h"

#include <algorithm>
#include <optional>

#include "common/base/status.h"

namespace halfpipe {
std::vector<SegmentContent> MakeSegments(int64_t layers, int64_t split,
                                         int32_t world, int32_t chunks) {
  HP_CHECK(chunks >= 1 && (world == 2 || chunks == 1));
  const int64_t blocks_of[] = {split, layers - split};
  std::vector<SegmentContent> segments;
  int64_t begin = 0;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) {
    for (int32_t half = 0; half < 2; ++half) {
      const int64_t blocks = blocks_of[half];
      const int64_t end =
          begin + blocks / chunks + (chunk < blocks % chunks ? 1 : 0);
      segments.push_back(
          {.rank = Rank(world == 2 ? half : 0), .blocks = {begin, end}});
      begin = end;
    }
  }
  segments.front().embeds = true;
  segments.push_back(
      {.rank = Rank(0), .blocks = {layers, layers}, .is_head = true});
  return segments;
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
