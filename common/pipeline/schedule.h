// A whole schedule: the action lists of every rank and what they need.
#ifndef HP_COMMON_PIPELINE_SCHEDULE_H_
#define HP_COMMON_PIPELINE_SCHEDULE_H_

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/pipeline/action.h"
#include "common/pipeline/segment_table.h"

namespace halfpipe::pipeline {

// One list a rank; entry r is what rank r does, in order.
using ActionLists = std::vector<std::vector<Action>>;

enum class ScheduleName : uint8_t {
  kOneFOneB,     // "1f1b", the default
  kGpipe,        // "gpipe": all forwards, then all backwards
  kSequential,   // "sequential": the cards take turns (the baseline)
  kInterleaved,  // "interleaved": two chunks of blocks a stage, smaller bubble
};

// InvalidArgument lists the names that exist.
[[nodiscard]] absl::StatusOr<ScheduleName> ParseScheduleName(
    absl::string_view text);
[[nodiscard]] absl::string_view ToString(ScheduleName name);

// Pieces into which a schedule cuts the blocks of each stage: 2 for
// `interleaved` with two stages, else 1.
[[nodiscard]] int ChunksOf(ScheduleName name, int stages);

// Forwards of segment 0 and of segment 1 before the first backward of the
// same segment. Textbook 1F1B is (2,1); because the head makes every
// micro-batch cross twice, (3,2) is the first depth that does not stall.
struct Warmup {
  int32_t first = 3;
  int32_t second = 2;

  friend bool operator==(const Warmup&, const Warmup&) = default;
};

// A moment in which a rank works on one of its chunks of blocks.
struct LiveMoment {
  int32_t chunk = 0;  // counted on the rank; the one at work
  // Micro-batches live in each chunk: their forward there has begun, their
  // backward there is not done.
  std::vector<int32_t> live;

  friend auto operator<=>(const LiveMoment&, const LiveMoment&) = default;
};

// What one rank needs at most at one time.
struct RankUse {
  // Micro-batches whose forward ran and whose backward is not done: what the
  // memory of saved tensors is bounded by.
  int32_t max_live = 0;
  // The same, counted from the receive of the input: boundary slots.
  int32_t max_slots = 0;
  // The moments in which most is live: every other one has no more in any
  // chunk than one of these with the same chunk at work. Not empty; with one
  // stage all blocks are one chunk. Ascending.
  std::vector<LiveMoment> moments = {};

  friend bool operator==(const RankUse&, const RankUse&) = default;
};

// Live chunks on rank 0 of `interleaved`, each half of its blocks: within 3 %
// of the step that any number of them gives; (3,2) of 1f1b keeps six.
inline constexpr int32_t kLiveChunks = 9;

// Below that rank 0 could not even keep a pair of micro-batches on its way.
inline constexpr int32_t kLeastLiveChunks = 4;

struct ScheduleOptions {
  ScheduleName name = ScheduleName::kOneFOneB;
  int32_t microbatches = 1;
  int stages = 2;
  Warmup warmup = {};  // only 1f1b with two stages reads it
  // Bound of RankUse::max_live on any rank; 0: none.
  int32_t max_live = 0;
  // Only interleaved with two stages reads it: BuildInterleaved's limit.
  int32_t live_chunks = kLiveChunks;
};

struct Schedule {
  ScheduleOptions options;
  ActionLists ranks;
  std::vector<RankUse> use;  // one a rank
  std::string hash;          // ScheduleHash(ranks)
};

// Which segment sits where under these options. InvalidArgument: stages.
[[nodiscard]] absl::StatusOr<SegmentTable> TableOf(
    const ScheduleOptions& options);

// Builds, lowers and validates. InvalidArgument says which option cannot be
// or where the lists break a rule.
[[nodiscard]] absl::StatusOr<Schedule> BuildSchedule(
    const ScheduleOptions& options);

// One text a rank (ToString of its list), and the inverse.
[[nodiscard]] std::vector<std::string> ToText(const ActionLists& ranks);
[[nodiscard]] absl::StatusOr<ActionLists> ParseText(
    const std::vector<std::string>& texts);

// SHA-256 in hex over the texts, each followed by a line feed.
[[nodiscard]] std::string ScheduleHash(const ActionLists& ranks);

}  // namespace halfpipe::pipeline

#endif  // HP_COMMON_PIPELINE_SCHEDULE_H_
