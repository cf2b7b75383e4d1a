// SIGINT, SIGTERM and SIGHUP as something a loop can wait for, without a
// handler.
#ifndef HP_CLIENT_JOBS_SIGNAL_WATCH_H_
#define HP_CLIENT_JOBS_SIGNAL_WATCH_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace halfpipe {

// While it lives, these signals are blocked for the calling thread and those it
// creates later, and counted here (signalfd). A terminal that closes sends
// SIGHUP, and its shell another one: all of them count as one, so that nobody
// is taken to have asked twice. One that is ignored already, as under nohup,
// stays so. Create it before any other thread starts. Children that are spawned
// unblock them again.
class SignalWatch {
 public:
  [[nodiscard]] static absl::StatusOr<SignalWatch> Create();
  SignalWatch(SignalWatch&& other) noexcept;
  SignalWatch& operator=(SignalWatch&&) = delete;
  ~SignalWatch();

  // Sleeps until a signal arrives or `timeout` has passed; returns how many
  // signals came since the last call.
  [[nodiscard]] int Wait(absl::Duration timeout);

 private:
  explicit SignalWatch(int fd) : fd_(fd) {}

  int fd_;
  bool hung_up_ = false;
};

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_SIGNAL_WATCH_H_
