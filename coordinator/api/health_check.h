// Asks a process of this machine how it is: the health check of a container
// that has neither a shell nor curl.
#ifndef HP_COORDINATOR_API_HEALTH_CHECK_H_
#define HP_COORDINATOR_API_HEALTH_CHECK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

struct HealthQuestion {
  // Where the process serves its metrics, in the words that it was told: asked
  // by HTTPS where other machines can reach it, for that is what it serves.
  std::string address;
  // For a server that asks for a token; empty: none.
  std::string token_file = {};
  // By whom the token may be read, over HTTPS: who has this certificate (a PEM
  // file, the server's own), or one for a name of it by somebody in `ca`, for
  // certificates that are renewed while the server runs. Empty: nobody.
  std::string certificate = {};
  std::string ca = {};
};

// GET /healthz, waiting for at most five seconds. Unavailable: nobody answers,
// or the answer says what is wrong. PermissionDenied: it wants a token, or
// another one. InvalidArgument: the address names no port, the token is of no
// use, or there is nothing to know by who would get it. A token is sent over
// HTTPS only after the certificate was checked; without one, whoever answers on
// this machine is believed.
[[nodiscard]] absl::Status CheckHealth(const HealthQuestion& question);

// The same for a command line: 0, or 1 with the reason on standard error under
// `program`'s name. Container engines know no other codes.
[[nodiscard]] int RunHealthCheck(absl::string_view program,
                                 const HealthQuestion& question);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_API_HEALTH_CHECK_H_
