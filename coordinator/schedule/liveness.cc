#include "coordinator/schedule/liveness.h"

#include "absl/strings/str_cat.h"

namespace halfpipe {
namespace {

// A hundred turns. A disk that is slow to take a commit delays some of them.
constexpr absl::Duration kLongestTurn = absl::Seconds(10);

}  // namespace

void Liveness::Beat(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  last_ = now;
}

std::string Liveness::Problem(absl::Time now) const {
  absl::MutexLock lock(&mutex_);
  if (last_ == absl::InfinitePast()) return "starting";
  if (now - last_ < kLongestTurn) return "";
  return absl::StrCat(
      "the coordinator has stood still for ",
      absl::FormatDuration(absl::Floor(now - last_, absl::Seconds(1))));
}

}  // namespace halfpipe
