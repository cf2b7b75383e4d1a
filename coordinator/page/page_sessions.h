// Who may look at the service's page: a ticket, which a client gets for a token
// and which lives for minutes, is exchanged for a session, which a browser
// keeps as a cookie. So no token ever comes near a browser, its history or its
// disk.
#ifndef HP_COORDINATOR_PAGE_PAGE_SESSIONS_H_
#define HP_COORDINATOR_PAGE_PAGE_SESSIONS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/auth/token_book.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

// In memory alone: they end with the process. Of tickets and sessions the hash
// is kept, not the text. Thread-safe.
class PageSessions {
 public:
  static constexpr absl::Duration kTicketLife = absl::Minutes(5);
  static constexpr absl::Duration kSessionLife = absl::Hours(8);
  // Of tickets, and of sessions: beyond it the oldest goes.
  static constexpr size_t kMost = 256;

  // Whether the token of that SHA-256 still lets a person in: a session ends
  // with it, also where another one gets its name. Called from any thread.
  explicit PageSessions(std::function<bool(absl::string_view token)> may_enter)
      : may_enter_(std::move(may_enter)) {}

  // A ticket for whoever has the token of this SHA-256. Unavailable: no random
  // bytes.
  [[nodiscard]] absl::StatusOr<std::string> NewTicket(const std::string& token,
                                                      absl::Time now);
  // A session for a ticket, which is used up. Unauthenticated: it is none, is
  // too old, or was used before.
  [[nodiscard]] absl::StatusOr<std::string> Exchange(absl::string_view ticket,
                                                     absl::Time now);
  [[nodiscard]] bool IsOpen(absl::string_view session, absl::Time now);

 private:
  struct Entry {
    std::string digest;  // SHA-256 of 256 random bits, hex
    std::string token;   // its SHA-256, hex
    absl::Time until;
  };

  // A new secret, of which the list holds the hash.
  [[nodiscard]] static absl::StatusOr<std::string> Add(const std::string& token,
                                                       absl::Time until,
                                                       std::deque<Entry>* list);

  const std::function<bool(absl::string_view token)> may_enter_;
  absl::Mutex mutex_;
  std::deque<Entry> tickets_ ABSL_GUARDED_BY(mutex_);
  std::deque<Entry> sessions_ ABSL_GUARDED_BY(mutex_);
};

// Owns nothing; what it points at outlives the server.
struct PageAccess {
  std::string address;  // of the page; empty: there is none
  // Both null: the page is open.
  PageSessions* sessions = nullptr;
  TokenBook* tokens = nullptr;
};

// A ticket for whoever has this token (and has been let in by it).
// FailedPrecondition: there is no page; Unauthenticated: the token has been
// removed in between.
[[nodiscard]] absl::StatusOr<PageTicket> MakePageTicket(
    const PageAccess& access, absl::string_view token, absl::Time now);

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_PAGE_SESSIONS_H_
