#include "stage/link/peer_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "common/base/file.h"

namespace halfpipe {

ProcessIdentity ThisProcess() {
  ProcessIdentity identity;
  identity.pid = getpid();
  struct stat info = {};
  if (stat("/proc/self/ns/pid", &info) == 0) {
    identity.pid_namespace = info.st_ino;
  }
  if (absl::StatusOr<std::string> id =
          ReadFile("/proc/sys/kernel/random/boot_id");
      id.ok()) {
    std::copy_n(id->begin(), std::min(id->size(), identity.boot_id.size()),
                identity.boot_id.begin());
  }
  return identity;
}

std::unique_ptr<PeerWatch> PeerWatch::Start(const ProcessIdentity& peer,
                                            std::function<void()> on_exit) {
  const ProcessIdentity self = ThisProcess();
  if (peer.pid_namespace == 0 || peer.pid_namespace != self.pid_namespace ||
      peer.boot_id != self.boot_id || self.boot_id[0] == '\0') {
    return nullptr;
  }
  // No wrapper in this libc.
  OwnedFd process(static_cast<int>(
      syscall(SYS_pidfd_open, static_cast<pid_t>(peer.pid), 0)));
  OwnedFd wake(eventfd(0, EFD_CLOEXEC));
  if (!process.valid() || !wake.valid()) return nullptr;
  return std::unique_ptr<PeerWatch>(
      new PeerWatch(std::move(process), std::move(wake), std::move(on_exit)));
}

PeerWatch::PeerWatch(OwnedFd process, OwnedFd wake,
                     std::function<void()> on_exit)
    : process_(std::move(process)),
      wake_(std::move(wake)),
      watcher_([this, on_exit = std::move(on_exit)] {
        pollfd entries[2] = {{process_.get(), POLLIN, 0},
                             {wake_.get(), POLLIN, 0}};
        while (poll(entries, 2, -1) < 0 && errno == EINTR) {
        }
        if (entries[1].revents == 0 && entries[0].revents != 0) on_exit();
      }) {}

PeerWatch::~PeerWatch() {
  eventfd_write(wake_.get(), 1);
  watcher_.join();
}

}  // namespace halfpipe
