// The page that the coordinator serves beside its metrics: what waits, what
// runs, how the curves go, what the last step was made of; and, for whoever may
// change a job, what is to be done to it. docs/page.md.
#ifndef HP_COORDINATOR_PAGE_PAGE_H_
#define HP_COORDINATOR_PAGE_PAGE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/metrics/http_port.h"
#include "coordinator/page/curve_book.h"
#include "coordinator/page/page_json.h"
#include "coordinator/page/page_sessions.h"
#include "coordinator/schedule/coordinator.h"

namespace halfpipe {

// The server of its routes starts before the coordinator and ends behind it:
// in between, between Open and Close, there are data, else 503. Thread-safe.
class Page {
 public:
  // What a part of a file has at most.
  static constexpr size_t kPieceBytes = size_t{2} << 20;
  // What a curve has at most; a screen shows no more.
  static constexpr size_t kMostPoints = 1000;

  // `sessions` outlives it; null: the page is open, nobody logs in, and whoever
  // reaches it may do everything. `anybody_looks`: what the metrics tell is
  // shown without a session, too.
  explicit Page(PageSessions* sessions, bool anybody_looks = false)
      : sessions_(sessions),
        anybody_looks_(anybody_looks || sessions == nullptr) {}

  // For the server; they hold `this`.
  [[nodiscard]] std::vector<HttpRoute> Routes();

  // `coordinator` lives until Close.
  void Open(Coordinator* coordinator);
  // Waits for the requests that are being answered.
  void Close();

 private:
  using Maker = absl::StatusOr<std::string> (Page::*)(Coordinator&,
                                                      const HttpRequest&);

  // A path whose answer is the JSON that `make` makes.
  [[nodiscard]] HttpRoute DataRoute(const std::string& pattern, Maker make);
  // The same for those alone who may look closely.
  [[nodiscard]] HttpRoute CloseRoute(const std::string& pattern, Maker make);
  // Calls `make` with the coordinator, or says that it is not there.
  HttpAnswer Answer(Maker make, const HttpRequest& request);

  absl::StatusOr<std::string> Overview(Coordinator& coordinator,
                                       const HttpRequest& request);
  absl::StatusOr<std::string> OneJob(Coordinator& coordinator,
                                     const HttpRequest& request);
  // ID/steps/FROM/TO
  absl::StatusOr<std::string> Steps(Coordinator& coordinator,
                                    const HttpRequest& request);
  absl::StatusOr<std::string> Log(Coordinator& coordinator,
                                  const HttpRequest& request);
  absl::StatusOr<std::string> Settings(Coordinator& coordinator,
                                       const HttpRequest& request);
  absl::StatusOr<std::string> Files(Coordinator& coordinator,
                                    const HttpRequest& request);
  // ID/files/BYTES/CHANGED/OFFSET/NAME: bytes, not JSON
  absl::StatusOr<std::string> Piece(Coordinator& coordinator,
                                    const HttpRequest& request);
  // ID/ACTION
  absl::StatusOr<std::string> ActOn(Coordinator& coordinator,
                                    const HttpRequest& request);
  HttpAnswer LogIn(const HttpRequest& request);

  [[nodiscard]] PageRights RightsOf(const HttpRequest& request) const;

  PageSessions* const sessions_;
  const bool anybody_looks_;
  absl::Mutex mutex_;  // held for reading while one is answered
  Coordinator* coordinator_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::unique_ptr<CurveBook> curves_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_PAGE_H_
