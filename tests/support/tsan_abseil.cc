// Tells ThreadSanitizer of the locks of an Abseil that was built without it.
//
// The system's shared libraries lock in code that ThreadSanitizer does not see,
// so everything behind an absl::Mutex would look like a race. These definitions
// stand before the library's own (a program's symbols win over its libraries'),
// for our code and for gRPC alike: each says what happens and calls the
// original. Linked into every test of a thread-sanitized build; has the members
// that our code and gRPC use.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "absl/base/dynamic_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace {

// The library's definition of a member that this file defines too, as a plain
// function, which a member that is not virtual is in this ABI.
template <typename Class, typename Result, typename... Args>
auto Original(Result (Class::*member)(Args...)) {
  void* ours = nullptr;
  static_assert(sizeof(member) >= sizeof(ours));
  std::memcpy(&ours, &member, sizeof(ours));
  Dl_info info;
  void* next = nullptr;
  if (dladdr(ours, &info) != 0 && info.dli_sname != nullptr) {
    next = dlsym(RTLD_NEXT, info.dli_sname);
  }
  if (next == nullptr) {
    std::fputs("tsan_abseil: needs Abseil as a shared library\n", stderr);
    std::abort();
  }
  return reinterpret_cast<Result (*)(Class*, Args...)>(next);
}

// Whether this thread is inside Abseil, which calls its own members in part
// through these definitions: only the outermost call counts.
thread_local bool inside = false;

class Call {
 public:
  Call() : outermost_(!inside) { inside = true; }

  ~Call() {
    if (outermost_) inside = false;
  }

  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  [[nodiscard]] bool outermost() const { return outermost_; }

 private:
  const bool outermost_;
};

// Around the taking of a lock. Meanwhile this thread's reads are not looked at:
// conditions of other waiters that Abseil evaluates here are under the lock.
class Take {
 public:
  explicit Take(absl::Mutex* mutex) : mutex_(mutex) {
    if (call_.outermost()) __tsan_mutex_pre_lock(mutex_, 0);
  }

  ~Take() {
    if (call_.outermost()) __tsan_mutex_post_lock(mutex_, 0, 0);
  }

  Take(const Take&) = delete;
  Take& operator=(const Take&) = delete;

 private:
  const Call call_;
  absl::Mutex* const mutex_;
};

// Around the release of a lock, likewise.
class Release {
 public:
  explicit Release(absl::Mutex* mutex) : mutex_(mutex) {
    if (call_.outermost()) __tsan_mutex_pre_unlock(mutex_, 0);
  }

  ~Release() {
    if (call_.outermost()) __tsan_mutex_post_unlock(mutex_, 0);
  }

  Release(const Release&) = delete;
  Release& operator=(const Release&) = delete;

 private:
  const Call call_;
  absl::Mutex* const mutex_;
};

// Around a wait, which gives the lock back and ends with it taken.
class Wait {
 public:
  explicit Wait(absl::Mutex* mutex) {
    { const Release release(mutex); }
    take_.emplace(mutex);
  }

 private:
  std::optional<Take> take_;
};

}  // namespace

// The original frees what only EnableDebugLog and EnableInvariantDebugging
// make; nobody here calls them.
absl::Mutex::~Mutex() {
  // Abseil's graph of locks has a lock of its own, of another kind.
  ABSL_ANNOTATE_IGNORE_READS_AND_WRITES_BEGIN();
  ForgetDeadlockInfo();
  ABSL_ANNOTATE_IGNORE_READS_AND_WRITES_END();
  __tsan_mutex_destroy(this, __tsan_mutex_not_static);
}

void absl::Mutex::Lock() {
  static const auto original = Original(&absl::Mutex::Lock);
  const Take take(this);
  original(this);
}

void absl::Mutex::Unlock() {
  static const auto original = Original(&absl::Mutex::Unlock);
  const Release release(this);
  original(this);
}

bool absl::Mutex::TryLock() {
  static const auto original = Original(&absl::Mutex::TryLock);
  const Call call;
  if (!call.outermost()) return original(this);
  __tsan_mutex_pre_lock(this, __tsan_mutex_try_lock);
  const bool locked = original(this);
  __tsan_mutex_post_lock(
      this, __tsan_mutex_try_lock | (locked ? 0 : __tsan_mutex_try_lock_failed),
      0);
  return locked;
}

void absl::Mutex::LockWhen(const Condition& condition) {
  static const auto original = Original(&absl::Mutex::LockWhen);
  const Take take(this);
  original(this, condition);
}

bool absl::Mutex::LockWhenWithTimeout(const Condition& condition,
                                      Duration timeout) {
  static const auto original = Original(&absl::Mutex::LockWhenWithTimeout);
  const Take take(this);
  return original(this, condition, timeout);
}

bool absl::Mutex::LockWhenWithDeadline(const Condition& condition,
                                       Time deadline) {
  static const auto original = Original(&absl::Mutex::LockWhenWithDeadline);
  const Take take(this);
  return original(this, condition, deadline);
}

void absl::Mutex::Await(const Condition& condition) {
  static const auto original = Original(&absl::Mutex::Await);
  const Wait wait(this);
  original(this, condition);
}

bool absl::Mutex::AwaitWithTimeout(const Condition& condition,
                                   Duration timeout) {
  static const auto original = Original(&absl::Mutex::AwaitWithTimeout);
  const Wait wait(this);
  return original(this, condition, timeout);
}

bool absl::Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static const auto original = Original(&absl::Mutex::AwaitWithDeadline);
  const Wait wait(this);
  return original(this, condition, deadline);
}

void absl::CondVar::Wait(Mutex* mutex) {
  static const auto original = Original(&absl::CondVar::Wait);
  const ::Wait wait(mutex);
  original(this, mutex);
}

bool absl::CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto original = Original(&absl::CondVar::WaitWithTimeout);
  const ::Wait wait(mutex);
  return original(this, mutex, timeout);
}

bool absl::CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto original = Original(&absl::CondVar::WaitWithDeadline);
  const ::Wait wait(mutex);
  return original(this, mutex, deadline);
}
