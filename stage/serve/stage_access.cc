#include "stage/serve/stage_access.h"

#include "common/auth/exposure.h"
#include "common/base/address.h"
#include "common/base/status.h"

namespace halfpipe {

absl::StatusOr<StageAccess> OpenStageAccess(
    const StageAccessOptions& options, const std::string& coordinator_address,
    const std::string& metrics_address) {
  StageAccess access;
  HP_ASSIGN_OR_RETURN(
      access.coordinator,
      LoadConnectionSecurity(options.security, coordinator_address));
  const TlsFiles& tls = options.security.tls;
  HP_RETURN_IF_ERROR(CheckExposure({.what = "--metrics-address",
                                    .address = metrics_address,
                                    .has_tls = !tls.certificate.empty(),
                                    .has_tokens = !options.tokens.empty(),
                                    .tls_setting = "--cert and --key",
                                    .tokens_setting = "--tokens"}));
  if (IsLocalAddress(metrics_address)) return access;
  HP_ASSIGN_OR_RETURN(access.tokens, TokenBook::Open(options.tokens));
  access.metrics = {
      .certificate = tls.certificate,
      .key = tls.key,
      .may_read = [book = access.tokens](absl::string_view token) {
        return book->IsPerson(token);
      }};
  return access;
}

}  // namespace halfpipe
