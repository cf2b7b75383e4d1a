// The page that the coordinator serves beside its metrics: what waits, what
// runs, how the loss goes, and what the last step was made of. It only reads.
// docs/page.md.
#ifndef HP_COORDINATOR_PAGE_PAGE_H_
#define HP_COORDINATOR_PAGE_PAGE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/metrics/http_port.h"
#include "coordinator/page/curve_book.h"
#include "coordinator/page/page_sessions.h"
#include "coordinator/schedule/coordinator.h"

namespace halfpipe {

// The server of its routes starts before the coordinator and ends behind it:
// in between, between Open and Close, there are data, else 503. Thread-safe.
class Page {
 public:
  // `sessions` outlives it; null: the page is open, nobody logs in.
  explicit Page(PageSessions* sessions) : sessions_(sessions) {}

  // For the server; they hold `this`.
  [[nodiscard]] std::vector<HttpRoute> Routes();

  // `coordinator` lives until Close.
  void Open(Coordinator* coordinator);
  // Waits for the requests that are being answered.
  void Close();

 private:
  // Calls `make` with the coordinator, or says that it is not there.
  HttpAnswer WithCoordinator(
      const std::function<absl::StatusOr<std::string>(Coordinator&)>& make);
  absl::StatusOr<std::string> Overview(Coordinator& coordinator);
  absl::StatusOr<std::string> OneJob(Coordinator& coordinator,
                                     const std::string& id);
  HttpAnswer LogIn(const HttpRequest& request);

  PageSessions* const sessions_;
  absl::Mutex mutex_;  // held for reading while one is answered
  Coordinator* coordinator_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::unique_ptr<CurveBook> curves_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_PAGE_H_
