#include "coordinator/page/page_sessions.h"

#include <algorithm>

#include "common/auth/token_file.h"
#include "common/base/digest.h"
#include "common/base/status.h"

namespace halfpipe {

absl::StatusOr<std::string> PageSessions::Add(const std::string& token,
                                              absl::Time until,
                                              std::deque<Entry>* list) {
  HP_ASSIGN_OR_RETURN(std::string secret, NewToken());
  list->push_back({Sha256Hex(secret), token, until});
  if (list->size() > kMost) list->pop_front();
  return secret;
}

absl::StatusOr<std::string> PageSessions::NewTicket(const std::string& token,
                                                    absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  return Add(token, now + kTicketLife, &tickets_);
}

absl::StatusOr<std::string> PageSessions::Exchange(absl::string_view ticket,
                                                   absl::Time now) {
  const std::string digest = Sha256Hex(ticket);
  const absl::MutexLock lock(&mutex_);
  const auto found =
      std::find_if(tickets_.begin(), tickets_.end(),
                   [&](const Entry& entry) { return entry.digest == digest; });
  if (found == tickets_.end()) {
    return absl::UnauthenticatedError(
        "this ticket is not known, or was used before: halfpipe page makes "
        "another");
  }
  const Entry entry = *found;
  tickets_.erase(found);
  if (now > entry.until || !may_enter_(entry.token)) {
    return absl::UnauthenticatedError(
        "this ticket is too old: halfpipe page makes another");
  }
  return Add(entry.token, now + kSessionLife, &sessions_);
}

bool PageSessions::IsOpen(absl::string_view session, absl::Time now) {
  const std::string digest = Sha256Hex(session);
  const absl::MutexLock lock(&mutex_);
  const auto found =
      std::find_if(sessions_.begin(), sessions_.end(),
                   [&](const Entry& entry) { return entry.digest == digest; });
  if (found == sessions_.end()) return false;
  if (now <= found->until && may_enter_(found->token)) return true;
  sessions_.erase(found);
  return false;
}

absl::StatusOr<PageTicket> MakePageTicket(const PageAccess& access,
                                          absl::string_view token,
                                          absl::Time now) {
  if (access.address.empty()) {
    return absl::FailedPreconditionError(
        "the service serves no page: metrics_address is off");
  }
  PageTicket ticket{.address = access.address};
  if (access.sessions == nullptr) return ticket;
  ticket.tls = true;
  if (!access.tokens->Find(token).has_value()) {
    return absl::UnauthenticatedError("the service does not know this token");
  }
  HP_ASSIGN_OR_RETURN(ticket.ticket,
                      access.sessions->NewTicket(Sha256Hex(token), now));
  return ticket;
}

}  // namespace halfpipe
