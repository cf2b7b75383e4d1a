// The records of the jobs that somebody looks at.
#ifndef HP_COORDINATOR_PAGE_CURVE_BOOK_H_
#define HP_COORDINATOR_PAGE_CURVE_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/page/job_record.h"

namespace halfpipe {

// Reads a job's stored events on from where it stopped the last time, so that a
// look at a long job costs its new events, and one at an old job its events
// once. Thread-safe; one look at a time.
class CurveBook {
 public:
  // A long job's record is 5 MiB.
  static constexpr size_t kJobs = 8;
  // In one look: a longer curve is there after the next ones.
  static constexpr int kMostBatches = 100;

  // Some stored events after the cursor, in order; none: there are no more.
  using EventReader = std::function<absl::StatusOr<std::vector<JobEvent>>(
      const std::string& job, int64_t after_cursor)>;

  explicit CurveBook(EventReader read_events)
      : read_events_(std::move(read_events)) {}

  [[nodiscard]] absl::StatusOr<std::vector<LossPoint>> Look(
      const std::string& job);
  // Calls `use` with the job's record; nobody else looks meanwhile. Codes: the
  // reader's.
  [[nodiscard]] absl::Status Read(
      const std::string& job,
      const std::function<void(const JobRecord& record)>& use);

 private:
  struct Entry {
    std::string job;
    int64_t cursor = 0;
    JobRecord record;
  };

  // The job's record with what is new; the pointer lives until the next call.
  [[nodiscard]] absl::StatusOr<const JobRecord*> Update(const std::string& job)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const EventReader read_events_;
  absl::Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // looked at last: first
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_PAGE_CURVE_BOOK_H_
