#include "common/base/steady_clock.h"

#include <time.h>

#include "absl/time/clock.h"

namespace halfpipe {
namespace {

absl::Duration Elapsed() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace

absl::Time SteadyNow() {
  static const absl::Time at_zero = [] {
    LinkSteadyWaits();
    return absl::Now() - Elapsed();
  }();
  return at_zero + Elapsed();
}

}  // namespace halfpipe
