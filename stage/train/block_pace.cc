#include "stage/train/block_pace.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "stage/train/compute_stream.h"

namespace halfpipe {
namespace {

constexpr double kSecondsAhead = 0.5;
constexpr double kMostAhead = 32;  // blocks

// How often a wait looks at the stop.
constexpr absl::Duration kStopCheckInterval = absl::Milliseconds(50);

absl::Status Stopped() { return absl::CancelledError("step abandoned"); }

}  // namespace

absl::Status BlockPace::Next() {
  if (stop_.stop_requested()) return Stopped();
  if (!device_.is_cuda()) return absl::OkStatus();
  HP_ASSIGN_OR_RETURN(EventPtr end, RecordComputeEvent(device_));
  ends_.push_back(std::move(end));
  while (ends_.size() > may_wait_) {
    absl::Status done =
        ends_.front()->WaitOnHost(SteadyNow() + kStopCheckInterval);
    if (done.ok()) {
      HP_RETURN_IF_ERROR(Pop());
    } else if (!absl::IsDeadlineExceeded(done)) {
      return done;
    } else if (stop_.stop_requested()) {
      return Stopped();
    }
  }
  return absl::OkStatus();
}

absl::Status BlockPace::Pop() {
  EventPtr done = std::move(ends_.front());
  ends_.pop_front();
  if (last_done_ != nullptr) {
    // With the time for which the device stood still, if it did: no harm.
    HP_ASSIGN_OR_RETURN(const double seconds, done->SecondsSince(*last_done_));
    may_wait_ = static_cast<size_t>(
        std::clamp(kSecondsAhead / std::max(seconds, 1e-6), 1.0, kMostAhead));
  }
  last_done_ = std::move(done);
  return absl::OkStatus();
}

void BlockPace::Clear() {
  ends_.clear();
  last_done_.reset();
}

}  // namespace halfpipe
