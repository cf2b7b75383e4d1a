// The semaphore that Abseil's Mutex and CondVar wait with, on the monotonic
// clock. Abseil's own hands the kernel a time of day to wait until, so after
// the wall clock was set back by a day a wait of 100 ms takes a day; gRPC's
// timers wait with it too. The two functions are weak in Abseil, for programs
// that bring their own (absl/synchronization/internal/per_thread_sem.h).
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/synchronization/internal/create_thread_identity.h"
#include "absl/synchronization/internal/kernel_timeout.h"
#include "absl/synchronization/internal/per_thread_sem.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/steady_clock.h"

namespace halfpipe {
namespace {

using ::absl::base_internal::ThreadIdentity;
using ::absl::synchronization_internal::KernelTimeout;

// How often the thread may go on. Zero to begin with, as Abseil's, which has
// the same place and the same form.
std::atomic<int32_t>* CountOf(ThreadIdentity* identity) {
  static_assert(sizeof(std::atomic<int32_t>) == sizeof(int32_t));
  return reinterpret_cast<std::atomic<int32_t>*>(identity->waiter_state.data);
}

absl::Duration SteadyElapsed() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::DurationFromTimespec(now);
}

// Takes one, unless there is none.
bool Take(std::atomic<int32_t>* count) {
  int32_t value = count->load(std::memory_order_relaxed);
  while (value > 0) {
    if (count->compare_exchange_weak(value, value - 1,
                                     std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

// How far from now the hour is. It was a time from now when it was made, a
// moment ago: of the kernel's clock, as gRPC makes it, or of absl::Now(), which
// follows a clock that was set only after a while. What is nearer is meant.
absl::Duration TimeTo(absl::Time hour) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const absl::Duration one = hour - absl::TimeFromTimespec(now);
  const absl::Duration other = hour - absl::Now();
  return absl::AbsDuration(one) < absl::AbsDuration(other) ? one : other;
}

bool Wait(std::atomic<int32_t>* count, KernelTimeout timeout) {
  std::optional<absl::Duration> end;
  if (timeout.has_timeout()) {
    end = SteadyElapsed() +
          TimeTo(absl::TimeFromTimespec(timeout.MakeAbsTimespec()));
  }
  while (!Take(count)) {
    timespec left{};
    if (end.has_value()) {
      const absl::Duration rest = *end - SteadyElapsed();
      if (rest <= absl::ZeroDuration()) return false;
      left = absl::ToTimespec(rest);
    }
    // Relative times are the monotonic clock's. Whatever ends it, look again.
    syscall(SYS_futex, count, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0,
            end.has_value() ? &left : nullptr, nullptr, 0);
  }
  return true;
}

void Post(std::atomic<int32_t>* count) {
  if (count->fetch_add(1, std::memory_order_release) != 0) return;
  syscall(SYS_futex, count, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, nullptr,
          nullptr, 0);
}

}  // namespace

void LinkSteadyWaits() {}

}  // namespace halfpipe

extern "C" {

__attribute__((visibility("default"))) bool ABSL_INTERNAL_C_SYMBOL(
    AbslInternalPerThreadSemWait)(
    absl::synchronization_internal::KernelTimeout t) {
  return halfpipe::Wait(
      halfpipe::CountOf(
          absl::synchronization_internal::GetOrCreateCurrentThreadIdentity()),
      t);
}

__attribute__((visibility("default"))) void ABSL_INTERNAL_C_SYMBOL(
    AbslInternalPerThreadSemPost)(
    absl::base_internal::ThreadIdentity* identity) {
  halfpipe::Post(halfpipe::CountOf(identity));
}

}  // extern "C"
