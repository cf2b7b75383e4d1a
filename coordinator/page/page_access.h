// What hands out the way to the page.
#ifndef HP_COORDINATOR_PAGE_PAGE_ACCESS_H_
#define HP_COORDINATOR_PAGE_PAGE_ACCESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/auth/token_book.h"
#include "common/jobs/job_types.h"
#include "coordinator/page/page_sessions.h"

namespace halfpipe {

// Owns nothing; what it points at outlives the server.
struct PageAccess {
  std::string address;  // of the page; empty: there is none
  // Null: the page is open.
  PageSessions* sessions = nullptr;
  // Null: whoever may call the service may have a ticket.
  TokenBook* tokens = nullptr;
};

// A ticket for whoever has this token (and has been let in by it).
// FailedPrecondition: there is no page; Unauthenticated: the token has been
// removed in between.
[[nodiscard]] absl::StatusOr<PageTicket> MakePageTicket(
    const PageAccess& access, absl::string_view token, absl::Time now);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_PAGE_ACCESS_H_
