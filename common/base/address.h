// Addresses that programs listen on and connect to: "host:port" or
// "unix:/path".
#ifndef HP_COMMON_BASE_ADDRESS_H_
#define HP_COMMON_BASE_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

struct HostPort {
  std::string host;  // without the brackets of an IPv6 address
  int port = 0;      // 0 to 65535
};

// "127.0.0.1:9700", "[::1]:9700", "name:9700". InvalidArgument says what was
// found.
[[nodiscard]] absl::StatusOr<HostPort> ParseHostPort(absl::string_view address);

// "unix:/path".
[[nodiscard]] bool IsUnixAddress(absl::string_view address);

// Whether only processes of this machine can reach it: a Unix socket, or a
// host that is a loopback address (127.0.0.0/8, ::1) or "localhost". Every
// other name counts as reachable, whatever it may resolve to.
[[nodiscard]] bool IsLocalAddress(absl::string_view address);

}  // namespace halfpipe

#endif  // HP_COMMON_BASE_ADDRESS_H_
