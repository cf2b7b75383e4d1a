// What a program needs to show and to check when it connects to a service.
#ifndef HP_COMMON_AUTH_CONNECTION_H_
#define HP_COMMON_AUTH_CONNECTION_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/auth/tls_files.h"

namespace halfpipe {

// All empty: plain and without a token, for a service that only this machine
// can reach.
struct ConnectionSecurity {
  TlsFiles tls = {};       // TLS if `ca` is there; with a certificate, mutual
  std::string token = {};  // a secret: never logged, never in a message
};

// Where they come from: flags and environment.
struct ConnectionSources {
  TlsFiles tls = {};
  std::string token_file = {};  // one line
  std::string token = {};       // HALFPIPE_TOKEN; token_file goes before it
};

// Reads the token and checks every file; those for TLS do not count for a Unix
// socket. InvalidArgument: a file that is
// missing, broken, readable by everybody, or a token that would travel to
// another machine than this in the clear; it names the file and what to do.
[[nodiscard]] absl::StatusOr<ConnectionSecurity> LoadConnectionSecurity(
    const ConnectionSources& sources, absl::string_view address);

// A secret environment variable: its value, taken out of the environment that
// children of this process inherit. Call before other threads run.
[[nodiscard]] std::string TakeEnvironment(const char* name);

}  // namespace halfpipe

#endif  // HP_COMMON_AUTH_CONNECTION_H_
