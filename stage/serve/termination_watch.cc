#include "stage/serve/termination_watch.h"

#include <pthread.h>

#include <utility>

#include "common/base/log.h"

namespace halfpipe {

TerminationWatch::TerminationWatch() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  thread_ = std::thread([this] { Watch(); });
}

TerminationWatch::~TerminationWatch() {
  // Ends the wait if no signal has come; sigwait takes it, nobody dies.
  // NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread): blocked there
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
}

void TerminationWatch::OnHangUp(std::function<void()> reload) {
  absl::MutexLock lock(&mutex_);
  reload_ = std::move(reload);
}

void TerminationWatch::Watch() {
  while (true) {
    int signal = 0;
    sigwait(&signals_, &signal);
    if (signal != SIGHUP) break;
    LogInfo("asked to read the settings again", {{"signal", signal}});
    absl::MutexLock lock(&mutex_);
    if (reload_ != nullptr) reload_();
  }
  stop_.request_stop();
}

}  // namespace halfpipe
