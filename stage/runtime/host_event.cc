#include "stage/runtime/host_event.h"

#include <chrono>

#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

double MonotonicSeconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

EventPtr HostEvent::Now() {
  auto event = std::make_shared<HostEvent>();
  event->Set(absl::OkStatus());
  return event;
}

void HostEvent::Set(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (set_) return;
  set_ = true;
  seconds_ = MonotonicSeconds();
  status_ = status;
}

absl::Status HostEvent::WaitOnHost(absl::Time deadline) const {
  absl::MutexLock lock(&mutex_);
  if (!mutex_.AwaitWithTimeout(absl::Condition(&set_),
                               deadline - SteadyNow())) {
    return absl::DeadlineExceededError("event not set in time");
  }
  return status_;
}

absl::StatusOr<double> HostEvent::SecondsSince(const Event& origin) const {
  const auto* host_origin = dynamic_cast<const HostEvent*>(&origin);
  if (host_origin == nullptr) {
    return absl::FailedPreconditionError(
        "a host event cannot be compared with an event of another kind");
  }
  double origin_seconds = 0.0;
  {
    absl::MutexLock lock(&host_origin->mutex_);
    if (!host_origin->set_) {
      return absl::FailedPreconditionError("the origin event is not set");
    }
    origin_seconds = host_origin->seconds_;
  }
  absl::MutexLock lock(&mutex_);
  if (!set_) return absl::FailedPreconditionError("the event is not set");
  return seconds_ - origin_seconds;
}

}  // namespace halfpipe
