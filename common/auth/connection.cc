#include "common/auth/connection.h"

#include <cstdlib>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/address.h"
#include "common/base/file.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr uint64_t kMaxTokenBytes = 4096;

absl::StatusOr<std::string> ReadTokenOf(const ConnectionSources& sources) {
  if (sources.token_file.empty()) return sources.token;
  const absl::StatusOr<std::string> text =
      ReadFileOrPipe(sources.token_file, kMaxTokenBytes);
  if (!text.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the token: ", text.status().message()));
  }
  HP_RETURN_IF_ERROR(CheckPrivate(sources.token_file, "the token"));
  std::string token(absl::StripAsciiWhitespace(*text));
  if (token.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the token ", sources.token_file, " is an empty file"));
  }
  return token;
}

// It goes into a header: gRPC would end the program at a line feed.
bool IsHeaderText(absl::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<ConnectionSecurity> LoadConnectionSecurity(
    const ConnectionSources& sources, absl::string_view address) {
  ConnectionSecurity security;
  // Variables for a service elsewhere do no harm to one behind a socket.
  if (!IsUnixAddress(address)) security.tls = sources.tls;
  HP_RETURN_IF_ERROR(CheckTlsFiles(security.tls, absl::Now()));
  if (security.tls.ca.empty() && !security.tls.certificate.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the certificate ", security.tls.certificate,
        " is of no use without --ca, the certificates that the service's must "
        "be signed by"));
  }
  HP_ASSIGN_OR_RETURN(security.token, ReadTokenOf(sources));
  if (!IsHeaderText(security.token)) {
    return absl::InvalidArgumentError(
        "the token holds a blank or a control character: it is one word, as "
        "halfpipe-coordinator token add printed it");
  }
  if (!security.token.empty() && security.tls.ca.empty() &&
      !IsLocalAddress(address)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the token would go to ", address,
        " in the clear: give --ca (or HALFPIPE_CA), the certificates that the "
        "service's must be signed by"));
  }
  return security;
}

std::string TakeEnvironment(const char* name) {
  const char* value = std::getenv(name);
  std::string text(value == nullptr ? "" : value);
  unsetenv(name);
  return text;
}

}  // namespace halfpipe
