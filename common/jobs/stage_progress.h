// What a stage does and how far it is, as programs read it; and the one place
// where that becomes a text for people.
#ifndef HP_COMMON_JOBS_STAGE_PROGRESS_H_
#define HP_COMMON_JOBS_STAGE_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <string>

namespace halfpipe {

// The values are stored and sent (StageWork of proto/halfpipe/v1/jobs.proto),
// so they never change.
enum class StageWork {
  kUnknown = 0,  // of a record from before there were kinds
  kIdle = 1,
  kStopping = 2,
  kReadingHeaders = 3,  // and metadata
  kCountingTokens = 4,  // of the captions
  kReadingDataSet = 5,  // and hashing it
  kLookingAtMedia = 6,  // one frame of each
  kLookingAtClips = 7,  // decoding all of them
  kLoadingTextEncoder = 8,
  kEncodingCaptions = 9,
  kLoadingVae = 10,
  kEncodingClips = 11,
  kOpeningModel = 12,
  kLoadingWeights = 13,  // done: tensors
  kPreparingModel = 14,
  kJoining = 15,  // waiting for its peer, which may load for long
  kTraining = 16,
  kValidating = 17,  // done: the place in the list of actions
};

struct StageProgress {
  StageWork work = StageWork::kUnknown;
  int64_t done = 0;
  int64_t total = 0;  // 0: not known, or nothing to count

  friend bool operator==(const StageProgress&, const StageProgress&) = default;
};

using ProgressCallback = std::function<void(const StageProgress& progress)>;

// "encoding clips 3/12", "loading the model, 40 tensors", "joining the pair":
// what people see. "" for work that this version does not know.
[[nodiscard]] std::string ProgressText(const StageProgress& progress);

}  // namespace halfpipe

#endif  // HP_COMMON_JOBS_STAGE_PROGRESS_H_
