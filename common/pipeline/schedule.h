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
  kInterleaved,  // "interleaved": several chunks a stage, smaller bubble
};

// InvalidArgument lists the names that exist.
[[nodiscard]] absl::StatusOr<ScheduleName> ParseScheduleName(
    absl::string_view text);
[[nodiscard]] absl::string_view ToString(ScheduleName name);

// What a whole action list does.
enum class ListKind : uint8_t {
  kTraining,    // forwards, backwards, norms, the optimizer's step
  kEvaluation,  // forwards through the head, and nothing else
};

// Forwards of segment 0 and of segment 1 before the first backward of the
// same segment, with two stages. Textbook 1F1B is (2,1); because the head makes
// every micro-batch cross twice, (3,2) is the first depth that does not stall.
struct Warmup {
  int32_t first = 3;
  int32_t second = 2;

  friend bool operator==(const Warmup&, const Warmup&) = default;
};

// The same for any number of stages: `second` on the last rank, `first` on rank
// 0 with two; each further stage deepens those before it by one forward.
[[nodiscard]] constexpr int32_t WarmupDepth(Warmup warmup, int32_t stages,
                                            int32_t rank) {
  return rank == 0 ? warmup.first + stages - 2
                   : warmup.second + stages - 1 - rank;
}

// A moment in which a rank works on one of its chunks of blocks.
struct LiveMoment {
  int32_t chunk = 0;  // counted on the rank; the one at work
  // Micro-batches live in each chunk: their forward there has begun, their
  // backward there is not done.
  std::vector<int32_t> live;

  friend auto operator<=>(const LiveMoment&, const LiveMoment&) = default;
};

// The most received tensors at one time that wait for the action they are for,
// by kind, since a buffer serves only its own: what crosses first brings the
// embeddings' results along.
struct WaitingInputs {
  int32_t first = 0;   // inputs of the rank's first segment
  int32_t others = 0;  // inputs of later segments, and gradients

  [[nodiscard]] int32_t total() const { return first + others; }

  friend bool operator==(const WaitingInputs&, const WaitingInputs&) = default;
};

// What one rank needs at most at one time.
struct RankUse {
  // Micro-batches whose forward ran and whose backward is not done: what the
  // memory of saved tensors is bounded by.
  int32_t max_live = 0;
  // The same, counted from the receive of the input: boundary slots.
  int32_t max_slots = 0;
  WaitingInputs waiting = {};
  // The moments in which most is live: every other one has no more in any
  // chunk than one of these with the same chunk at work. Not empty, but for an
  // evaluation, in which nothing is live; with one stage all blocks are one
  // chunk. Ascending.
  std::vector<LiveMoment> moments = {};

  friend bool operator==(const RankUse&, const RankUse&) = default;
};

// Pieces into which `interleaved` cuts the blocks of each stage.
inline constexpr int32_t kInterleavedChunks = 2;

// Live chunks on rank 0 of `interleaved`, by chunks a stage: with two stages
// within 3 % of the step that any number of them gives. 9 of two chunks are 4.5
// times a stage's blocks; (3,2) of 1f1b keeps them three times. More stages
// need as many more as a micro-batch is longer on its way.
[[nodiscard]] constexpr int32_t LiveChunks(int32_t chunks, int32_t stages = 2) {
  return ((chunks <= 2 ? 9 : 5 * chunks) * stages + 1) / 2;
}

// Below that rank 0 could not even keep one micro-batch for each rank on its
// way.
[[nodiscard]] constexpr int32_t LeastLiveChunks(int32_t chunks,
                                                int32_t stages = 2) {
  return stages * chunks;
}

struct ScheduleOptions {
  ScheduleName name = ScheduleName::kOneFOneB;
  int32_t microbatches = 1;
  int stages = 2;      // any number from 1 on
  Warmup warmup = {};  // only 1f1b with several stages reads it
  // Bound of RankUse::max_live on any rank; 0: none.
  int32_t max_live = 0;
  // Only interleaved with several stages reads these: into how many pieces it
  // cuts a stage's blocks, and BuildInterleaved's limit.
  int32_t chunks = kInterleavedChunks;
  int32_t live_chunks = LiveChunks(kInterleavedChunks);
};

// Pieces into which a schedule cuts the blocks of each stage: options.chunks
// for `interleaved` with several stages, else 1.
[[nodiscard]] int32_t ChunksOf(const ScheduleOptions& options);

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
