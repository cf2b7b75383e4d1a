#include "client/jobs/signal_watch.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace halfpipe {
namespace {

bool IsIgnored(int signal) {
  struct sigaction now {};

  return sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

sigset_t WatchedSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  // A signalfd would see it although it is ignored, and nohup be in vain.
  if (!IsIgnored(SIGHUP)) sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

absl::StatusOr<SignalWatch> SignalWatch::Create() {
  const sigset_t set = WatchedSignals();
  const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr);
  if (error != 0) return absl::ErrnoToStatus(error, "pthread_sigmask");
  const int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, "signalfd");
  return SignalWatch(fd);
}

SignalWatch::SignalWatch(SignalWatch&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), hung_up_(other.hung_up_) {}

SignalWatch::~SignalWatch() {
  if (fd_ < 0) return;
  close(fd_);
  const sigset_t set = WatchedSignals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

int SignalWatch::Wait(absl::Duration timeout) {
  pollfd entry{fd_, POLLIN, 0};
  const int ready =
      poll(&entry, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout)));
  if (ready <= 0) return 0;
  int count = 0;
  signalfd_siginfo info;
  while (read(fd_, &info, sizeof(info)) == sizeof(info)) {
    const bool hang_up = info.ssi_signo == SIGHUP;
    if (!hang_up || !std::exchange(hung_up_, true)) ++count;
  }
  return count;
}

}  // namespace halfpipe
