#include "common/service/notifier.h"

#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/service/datagram.h"

namespace halfpipe {
namespace {

// The variable's number; 0: it has none.
int64_t NumberOf(const char* variable) {
  const char* const text = std::getenv(variable);
  int64_t number = 0;
  return text != nullptr && absl::SimpleAtoi(text, &number) ? number : 0;
}

absl::Duration WatchdogInterval() {
  const int64_t limit_us = NumberOf("WATCHDOG_USEC");
  const int64_t pid = NumberOf("WATCHDOG_PID");
  if (limit_us <= 0 || (pid != 0 && pid != getpid())) {
    return absl::InfiniteDuration();
  }
  return absl::Microseconds(limit_us) / 3;
}

// The environment is kept: a stage that starts itself anew needs it again.
void Send(const std::string& message) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path != nullptr) SendDatagram(path, message);
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
