#include "common/base/line_limit.h"

#include <utility>

namespace halfpipe {

std::optional<int64_t> LineLimit::Take(absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  if (now - second_ >= absl::Seconds(1)) {
    second_ = now;
    lines_ = 0;
  }
  if (++lines_ > lines_a_second_) {
    ++left_out_;
    return std::nullopt;
  }
  return std::exchange(left_out_, 0);
}

}  // namespace halfpipe
