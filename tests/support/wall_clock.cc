// Preloaded, it is a wall clock that somebody sets: the hour is the real one
// and as many seconds more as the file HP_WALL_CLOCK says, a number of 8 bytes
// that may change at any time. Waits until an hour (futex with
// FUTEX_CLOCK_REALTIME, which is how Abseil and gRPC wait) end by that clock
// too, as the kernel's do when the real one is set. The monotonic clock is left
// alone.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>

namespace {

constexpr int64_t kBillion = 1'000'000'000;

const std::atomic<int64_t>* OpenOffset() {
  static const std::atomic<int64_t> kNone{0};
  const char* const path = std::getenv("HP_WALL_CLOCK");
  const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return &kNone;
  void* const place =
      mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  return place == MAP_FAILED ? &kNone
                             : static_cast<const std::atomic<int64_t>*>(place);
}

int64_t Offset() {
  static const std::atomic<int64_t>* const kOffset = OpenOffset();
  return kOffset->load(std::memory_order_relaxed);
}

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

int RealClock(clockid_t clock, timespec* time) {
  static const auto kReal = Next<int(clockid_t, timespec*)>("clock_gettime");
  return kReal(clock, time);
}

int64_t WallNanoseconds() {
  timespec now{};
  RealClock(CLOCK_REALTIME, &now);
  return (now.tv_sec + Offset()) * kBillion + now.tv_nsec;
}

using Syscall = int64_t(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                        int64_t);

// Waits until the hour by short relative waits, so that a clock which is set
// meanwhile counts.
int64_t WaitUntilHour(Syscall* call, int64_t place, int64_t operation,
                      int64_t value, const timespec* hour) {
  constexpr int64_t kLook = kBillion / 50;
  const int64_t end = hour->tv_sec * kBillion + hour->tv_nsec;
  while (true) {
    const int64_t left = end - WallNanoseconds();
    if (left <= 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    const timespec part{0, left < kLook ? left : kLook};
    const int64_t flags = operation & FUTEX_PRIVATE_FLAG;
    const int64_t answer = call(SYS_futex, place, FUTEX_WAIT | flags, value,
                                reinterpret_cast<int64_t>(&part), 0, 0);
    if (answer == 0 || errno != ETIMEDOUT) return answer;
  }
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int answer = RealClock(clock, time);
  const bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (answer == 0 && wall) time->tv_sec += Offset();
  return answer;
}

int gettimeofday(timeval* time, void*) noexcept {
  const int64_t now = WallNanoseconds();
  time->tv_sec = now / kBillion;
  time->tv_usec = now % kBillion / 1000;
  return 0;
}

time_t time(time_t* place) noexcept {
  const time_t now = WallNanoseconds() / kBillion;
  if (place != nullptr) *place = now;
  return now;
}

// NOLINTNEXTLINE(cert-dcl50-cpp): as the C library declares it
long syscall(long number, ...) noexcept {  // NOLINT(google-runtime-int)
  static const auto kReal = Next<Syscall>("syscall");
  va_list list;
  va_start(list, number);
  int64_t arguments[6];
  for (int64_t& argument : arguments) argument = va_arg(list, int64_t);
  va_end(list);
  const int64_t operation = arguments[1] & 0xffffffff;
  if (number == SYS_futex && (operation & FUTEX_CLOCK_REALTIME) != 0 &&
      arguments[3] != 0) {
    return WaitUntilHour(kReal, arguments[0], operation, arguments[2],
                         reinterpret_cast<const timespec*>(arguments[3]));
  }
  return kReal(number, arguments[0], arguments[1], arguments[2], arguments[3],
               arguments[4], arguments[5]);
}

}  // extern "C"
