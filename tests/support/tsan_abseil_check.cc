// Whether ThreadSanitizer sees a race (`race`), and none where an absl::Mutex
// is in the way (`locked`), where a condition is awaited (`awaited`) and where
// a condition variable is (`signalled`). Ends with 66, its exit code, on a
// find.
#include <cstdio>
#include <functional>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace {

// Runs both at the same time.
int InTwoThreads(const std::function<void()>& first,
                 const std::function<void()>& second) {
  std::thread thread(first);
  second();
  thread.join();
  return 0;
}

int Race() {
  int value = 0;
  const auto count = [&value] {
    for (int i = 0; i < 1000; ++i) value += i;
  };
  return InTwoThreads(count, count);
}

int Locked() {
  absl::Mutex mutex;
  int value = 0;
  const auto count = [&] {
    for (int i = 0; i < 1000; ++i) {
      absl::MutexLock lock(&mutex);
      value += i;
    }
  };
  return InTwoThreads(count, count);
}

int Awaited() {
  absl::Mutex mutex;
  int value = 0;
  const auto take_turns = [&](int mine) {
    for (int i = 0; i < 1000; ++i) {
      const auto my_turn = [&value, mine] { return value % 2 == mine; };
      absl::MutexLock lock(&mutex);
      if (!mutex.AwaitWithTimeout(absl::Condition(&my_turn),
                                  absl::Seconds(20))) {
        return;
      }
      ++value;
    }
  };
  return InTwoThreads([&] { take_turns(0); }, [&] { take_turns(1); });
}

int Signalled() {
  absl::Mutex mutex;
  absl::CondVar changed;
  int value = 0;
  const auto take_turns = [&](int mine) {
    for (int i = 0; i < 1000; ++i) {
      absl::MutexLock lock(&mutex);
      while (value % 2 != mine) changed.Wait(&mutex);
      ++value;
      changed.SignalAll();
    }
  };
  return InTwoThreads([&] { take_turns(0); }, [&] { take_turns(1); });
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 2 ? argv[1] : "";
  if (what == "race") return Race();
  if (what == "locked") return Locked();
  if (what == "awaited") return Awaited();
  if (what == "signalled") return Signalled();
  std::fputs("usage: tsan_abseil_check race|locked|awaited|signalled\n",
             stderr);
  return 2;
}
