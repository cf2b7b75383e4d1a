#include "coordinator/page/page_access.h"

#include "common/base/address.h"
#include "common/base/digest.h"
#include "common/base/status.h"

namespace halfpipe {

absl::StatusOr<PageTicket> MakePageTicket(const PageAccess& access,
                                          absl::string_view token,
                                          absl::Time now) {
  if (access.address.empty()) {
    return absl::FailedPreconditionError(
        "the service serves no page: metrics_address is off");
  }
  PageTicket ticket{.address = access.address};
  if (access.sessions == nullptr) return ticket;
  // Where only this machine reaches the page, it is plain HTTP.
  ticket.tls = !IsLocalAddress(access.address);
  if (access.tokens != nullptr && !access.tokens->Find(token).has_value()) {
    return absl::UnauthenticatedError("the service does not know this token");
  }
  HP_ASSIGN_OR_RETURN(ticket.ticket,
                      access.sessions->NewTicket(Sha256Hex(token), now));
  return ticket;
}

}  // namespace halfpipe
