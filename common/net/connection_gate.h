// The way in: accepts the connections of one port and hands them on.
#ifndef HP_COMMON_NET_CONNECTION_GATE_H_
#define HP_COMMON_NET_CONNECTION_GATE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/line_limit.h"
#include "common/net/connection_budget.h"
#include "common/net/listening_socket.h"

namespace halfpipe {

// Neither gRPC 1.51 nor an HTTP library of this system counts connections by
// whom they come from, or ends those that trickle. So this accepts, within a
// ConnectionBudget and away from the descriptors that jobs need, and keeps a
// second descriptor of each connection that it handed on: by it, it sees the
// connection end, and ends it when its time is over. A thread of its own, which
// waits for nobody. Refusals are lines of the log, within LineLimit.
// Thread-safe.
class ConnectionGate {
 public:
  // Owns `fd` from here on: non-blocking, closed on exec. Whoever closes it
  // shuts it down first: in both directions, or only for sending, and then the
  // gate closes it when the other side has. Called from the gate's thread; must
  // not wait.
  using Taker =
      std::function<void(int fd, const sockaddr* from, uint32_t size)>;

  struct Options {
    std::string name = {};  // of the port, for the log: "grpc"
    ConnectionLimits limits = {};
    DescriptorBudget descriptors = {};
  };

  // Codes: ListeningSockets::Open's; Unavailable: descriptors have run out.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<ConnectionGate>> Open(
      const std::string& address, Options options);
  // Stop.
  ~ConnectionGate();

  // Begins to accept; until then, connections wait. Once.
  void Start(Taker taker);
  // Accepts nobody any more, and forgets who is connected: those that were
  // handed on are others' to end.
  void Stop();

  // The connection from `peer` (PeerAddress::text) has shown that it is
  // somebody's.
  void Prove(absl::string_view peer);
  // That one has its answer, and is ended unless it hangs up soon.
  void LetGo(absl::string_view peer);

  // "host:port" with the real port.
  [[nodiscard]] const std::string& address() const {
    return sockets_.address();
  }

  // Those that are open now.
  [[nodiscard]] int64_t connections() const;

 private:
  struct Held {
    int fd;  // the second descriptor
    std::string peer;
  };

  ConnectionGate(ListeningSockets sockets, Options options);

  absl::Status Prepare();
  void Run();
  // Accepts what waits at `listener`, some at a time.
  void AcceptSome(int listener);
  void Take(int fd, const sockaddr_storage& from, uint32_t size);
  [[nodiscard]] std::optional<ConnectionBudget::Id> IdOf(
      absl::string_view peer) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts and watches it; else it is closed, and this false.
  bool Hold(int fd, const PeerAddress& peer);
  // There are no descriptors: ends the longest unproven one, and the one that
  // waits, which would otherwise wake this thread for ever.
  void MakeRoom(int listener, int error);
  void Refuse(int fd, absl::string_view peer, absl::string_view why);
  // Ends a connection for whoever has it.
  void End(ConnectionBudget::Id id, absl::string_view why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(ConnectionBudget::Id id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndOverdue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  ListeningSockets sockets_;
  Taker taker_;
  int epoll_ = -1;
  int wake_ = -1;
  int spare_ = -1;  // given up where there is no other
  LineLimit lines_;
  std::thread thread_;
  mutable absl::Mutex mutex_;
  ConnectionBudget budget_ ABSL_GUARDED_BY(mutex_);
  std::map<ConnectionBudget::Id, Held> held_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, ConnectionBudget::Id> by_peer_ ABSL_GUARDED_BY(mutex_);
  ConnectionBudget::Id next_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace halfpipe

#endif  // HP_COMMON_NET_CONNECTION_GATE_H_
