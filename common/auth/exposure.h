// When a server may listen.
#ifndef HP_COMMON_AUTH_EXPOSURE_H_
#define HP_COMMON_AUTH_EXPOSURE_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

struct ListenRequest {
  absl::string_view what;     // "listen_address": key or flag, for the message
  absl::string_view address;  // "host:port", "unix:/path", or empty: nowhere
  bool has_tls = false;
  bool has_tokens = false;
  absl::string_view tls_setting;     // what would give it TLS
  absl::string_view tokens_setting;  // and tokens
};

// OK for an address that only this machine can reach, and for one with TLS and
// tokens. InvalidArgument: anybody on the network could use it or listen in;
// it says what is missing.
[[nodiscard]] absl::Status CheckExposure(const ListenRequest& request);

}  // namespace halfpipe

#endif  // HP_COMMON_AUTH_EXPOSURE_H_
