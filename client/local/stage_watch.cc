#include "client/local/stage_watch.h"

namespace halfpipe {
namespace {

// A longer pause between two looks was not a wait (Ctrl-Z, suspend to disk).
constexpr absl::Duration kLongestPause = absl::Seconds(4);

}  // namespace

std::optional<StageWatch::Verdict> StageWatch::See(const Sight& sight,
                                                   absl::Time now) {
  if (sight.child != child_) {
    child_ = sight.child;
    had_place_ = false;
    without_since_.reset();
  }
  if (sight.holder.has_value()) {
    had_place_ = had_place_ || *sight.holder == child_;
    without_since_.reset();
    return std::nullopt;
  }
  if (!without_since_.has_value() || now - last_seen_ > kLongestPause) {
    without_since_ = now;
  }
  last_seen_ = now;
  const absl::Duration without = now - *without_since_;
  if (without <= (had_place_ ? limits_.lost : limits_.join)) {
    return std::nullopt;
  }
  return Verdict{had_place_, without};
}

}  // namespace halfpipe
