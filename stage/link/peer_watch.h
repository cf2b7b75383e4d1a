// Notices at once that the peer's process is gone.
#ifndef HP_STAGE_LINK_PEER_WATCH_H_
#define HP_STAGE_LINK_PEER_WATCH_H_

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "stage/link/socket_io.h"

namespace halfpipe {

// Which process of which machine, for a process that may live in another
// container. Plain bytes: it travels in the join's greeting.
struct ProcessIdentity {
  int64_t pid = 0;
  uint64_t pid_namespace = 0;  // inode; 0 when it is unknown
  std::array<char, 40> boot_id = {};
};

// Of the calling process.
[[nodiscard]] ProcessIdentity ThisProcess();

// Two GPUs that talk over NVLink exchange no message that a dead peer could
// fail to answer: a kernel would wait for ever. The kernel's process handle
// tells, where both processes are in one PID namespace; elsewhere the
// coordinator's leases do, some seconds later.
class PeerWatch {
 public:
  // Calls `on_exit` once, from a thread of its own, when the process ends.
  // nullptr when the peer cannot be watched from here.
  [[nodiscard]] static std::unique_ptr<PeerWatch> Start(
      const ProcessIdentity& peer, std::function<void()> on_exit);
  // Does not return while `on_exit` runs.
  ~PeerWatch();

 private:
  PeerWatch(OwnedFd process, OwnedFd wake, std::function<void()> on_exit);

  const OwnedFd process_;
  const OwnedFd wake_;
  std::thread watcher_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_PEER_WATCH_H_
