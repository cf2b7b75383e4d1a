// What a stage logged and its coordinator has not been told yet.
#ifndef HP_COMMON_JOBS_RECENT_LINES_H_
#define HP_COMMON_JOBS_RECENT_LINES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/ids.h"
#include "common/base/log.h"
#include "common/jobs/stage_protocol.h"

namespace halfpipe {

// Keeps the newest lines; how many older ones had to go is said in a line of
// its own. Thread-safe.
class RecentLines {
 public:
  static constexpr size_t kMostLines = 100;
  static constexpr size_t kMostBytes = 1000;  // of a line

  // What is logged from now on belongs to commands of this epoch; 0: to none.
  void SetEpoch(Epoch epoch);

  // Lines below info are left out, long ones are cut.
  void Add(LogLevel level, absl::string_view text);

  // Everything that is kept, oldest first; it is no longer kept.
  [[nodiscard]] std::vector<StageLine> Take();

  // Puts back what Take gave and nobody was told.
  void PutBack(std::vector<StageLine> lines);

 private:
  void Shorten() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::deque<StageLine> lines_ ABSL_GUARDED_BY(mutex_);
  int64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;
  Epoch epoch_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_COMMON_JOBS_RECENT_LINES_H_
