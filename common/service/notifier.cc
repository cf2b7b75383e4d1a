#include "common/service/notifier.h"

#include <systemd/sd-daemon.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace halfpipe {
namespace {

absl::Duration WatchdogInterval() {
  uint64_t limit_us = 0;
  if (sd_watchdog_enabled(/*unset_environment=*/0, &limit_us) <= 0) {
    return absl::InfiniteDuration();
  }
  return absl::Microseconds(static_cast<int64_t>(limit_us)) / 3;
}

// The environment is kept: a stage that starts itself anew needs it again.
void Send(const std::string& message) {
  sd_notify(/*unset_environment=*/0, message.c_str());
}

// A new line would begin another assignment.
std::string StatusLine(absl::string_view status) {
  return absl::StrCat("STATUS=", absl::StrReplaceAll(status, {{"\n", " "}}));
}

}  // namespace

ServiceNotifier::ServiceNotifier() : interval_(WatchdogInterval()) {}

void ServiceNotifier::Ready(absl::string_view status) {
  absl::MutexLock lock(&mutex_);
  last_status_ = std::string(status);
  Send(absl::StrCat("READY=1\n", StatusLine(status)));
}

void ServiceNotifier::Status(absl::string_view status) {
  absl::MutexLock lock(&mutex_);
  if (status == last_status_) return;
  last_status_ = std::string(status);
  Send(StatusLine(status));
}

void ServiceNotifier::Progress(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  if (interval_ == absl::InfiniteDuration() ||
      now - last_progress_ < interval_) {
    return;
  }
  last_progress_ = now;
  Send("WATCHDOG=1");
}

void ServiceNotifier::Stopping(absl::string_view status) {
  absl::MutexLock lock(&mutex_);
  last_status_ = std::string(status);
  Send(absl::StrCat("STOPPING=1\n", StatusLine(status)));
}

}  // namespace halfpipe
