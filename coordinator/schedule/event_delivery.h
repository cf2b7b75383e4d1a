// What has come to the disk, and who is told.
#ifndef HP_COORDINATOR_SCHEDULE_EVENT_DELIVERY_H_
#define HP_COORDINATOR_SCHEDULE_EVENT_DELIVERY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/jobs/job_types.h"
#include "coordinator/schedule/job_book.h"
#include "coordinator/store/wakeups.h"

namespace halfpipe {

struct EventBatch {
  std::vector<JobEvent> events;
  bool complete = false;  // the job has ended and these are the last ones
};

// Events are delivered from the disk alone (docs/decisions/0042): a change is
// queued here under the lock of whoever owns this, and waited for without it.
// Not thread-safe.
class EventDelivery {
 public:
  // `book` outlives it.
  explicit EventDelivery(JobBook* book) : book_(book) {}

  // Tells of what has come to the disk, and hands on what has to go there: the
  // next TakeSubmitted, of whatever thread, has it.
  void Publish();
  // What was handed on and has nobody who waits for it, and so writes it;
  // nullptr: nothing.
  [[nodiscard]] JobBook::Ticket TakeSubmitted();

  // Those after the cursor that are on the disk. Codes: JobReader::Events'.
  [[nodiscard]] absl::StatusOr<EventBatch> Read(const std::string& job,
                                                int64_t after_cursor);
  // Releases `mutex`, which guards this, until the job may have new ones, or
  // the deadline, or WakeAll. True: it has, or their write has failed.
  [[nodiscard]] bool WaitForNews(const std::string& job, int64_t after_cursor,
                                 absl::Time deadline, absl::Mutex* mutex);

  void WakeAll() { news_.WakeAll(); }

 private:
  JobBook* const book_;
  Wakeups news_;  // events on the disk, by job
  JobBook::Ticket submitted_;
};

}  // namespace halfpipe

#endif  // HP_COORDINATOR_SCHEDULE_EVENT_DELIVERY_H_
