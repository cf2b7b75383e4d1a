// TCP sockets that listen.
#ifndef HP_COMMON_NET_LISTENING_SOCKET_H_
#define HP_COMMON_NET_LISTENING_SOCKET_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace halfpipe {

// One for each address that a name stands for, all on one port; closes them
// when it is destroyed. Movable.
class ListeningSockets {
 public:
  // "host:port" ("[::1]:port" for IPv6); port 0 takes a free one. 0.0.0.0 and
  // [::] are all addresses of both families. Nobody else can take the port
  // meanwhile. InvalidArgument: not of this form. AlreadyExists: the port is in
  // use. Unavailable: not an address of this machine, or not one that this user
  // may listen on.
  [[nodiscard]] static absl::StatusOr<ListeningSockets> Open(
      const std::string& address);

  ListeningSockets(ListeningSockets&& other) noexcept;
  ListeningSockets& operator=(ListeningSockets&& other) = delete;
  ~ListeningSockets();

  // Non-blocking, closed on exec, listening; never empty.
  [[nodiscard]] const std::vector<int>& fds() const { return fds_; }

  // As given, with the real port.
  [[nodiscard]] const std::string& address() const { return address_; }

  // Nobody can connect any more, and others can take the port.
  void Close();

 private:
  ListeningSockets() = default;

  // Listens on all that `host` stands for. The last errno, for where that was
  // none; EADDRINUSE as soon as one is in use.
  int Add(const std::string& host, int family, int port);

  std::vector<int> fds_;
  std::string address_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_NET_LISTENING_SOCKET_H_
