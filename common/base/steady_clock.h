// A clock that nobody sets.
#ifndef HP_COMMON_BASE_STEADY_CLOCK_H_
#define HP_COMMON_BASE_STEADY_CLOCK_H_

#include "absl/time/time.h"

namespace halfpipe {

// What the wall clock showed at the first call, carried on by the kernel's
// monotonic clock: it never steps, forward or back, and stands while the
// machine is suspended. For intervals, leases, limits and deadlines; compare it
// with nothing but itself. What is shown or written down is the wall clock.
//
// Whoever links this also gets waits with a limit (absl::Mutex, absl::CondVar,
// and so gRPC's own timers) that run on the monotonic clock: see
// steady_waits.cc. Give them what is left, deadline - SteadyNow(), never a
// deadline. Thread-safe.
[[nodiscard]] absl::Time SteadyNow();

// Does nothing: with a static library, a file that nobody calls is left out.
void LinkSteadyWaits();

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_STEADY_CLOCK_H_
