// Keeps what others cause from filling the log.
#ifndef HP_COMMON_BASE_LINE_LIMIT_H_
#define HP_COMMON_BASE_LINE_LIMIT_H_

#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace halfpipe {

// Lets a number of lines of one kind through each second, and counts the
// others. Thread-safe.
class LineLimit {
 public:
  // Of what strangers can cause.
  static constexpr int64_t kLinesASecond = 50;

  explicit LineLimit(int64_t lines_a_second = kLinesASecond)
      : lines_a_second_(lines_a_second) {}

  // Asks for a line now: how many were left out since the last one, for the
  // line to say; nothing where this one is to be left out, too.
  [[nodiscard]] std::optional<int64_t> Take(absl::Time now);

 private:
  const int64_t lines_a_second_;
  absl::Mutex mutex_;
  absl::Time second_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int64_t lines_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_LINE_LIMIT_H_
