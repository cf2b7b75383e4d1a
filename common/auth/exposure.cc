#include "common/auth/exposure.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/address.h"

namespace halfpipe {

absl::Status CheckExposure(const ListenRequest& request) {
  if (request.address.empty() || IsLocalAddress(request.address) ||
      (request.has_tls && request.has_tokens)) {
    return absl::OkStatus();
  }
  std::string missing;
  if (!request.has_tls) absl::StrAppend(&missing, request.tls_setting);
  if (!request.has_tokens) {
    absl::StrAppend(&missing, missing.empty() ? "" : " and ",
                    request.tokens_setting);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(request.what, ": other machines can reach ", request.address,
                   ", so it needs TLS and tokens: set ", missing,
                   ", or listen on 127.0.0.1 (docs/security.md)"));
}

}  // namespace halfpipe
