// A job's events on a thread of their own, for a loop that also has signals
// and child processes to look after.
#ifndef HP_CLIENT_JOBS_EVENT_STREAM_H_
#define HP_CLIENT_JOBS_EVENT_STREAM_H_

#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "client/jobs/training_client.h"

namespace halfpipe {

// Calls TrainingClient::WatchJob until it returns. The destructor stops the
// watch and joins the thread. Thread-safe.
class EventStream {
 public:
  // `client` must outlive this; `watch.stop` is replaced.
  EventStream(TrainingClient& client, TrainingClient::Watch watch);
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // The events since the last call, in order; empty when there are none.
  [[nodiscard]] std::vector<JobEvent> Take();

  // What WatchJob returned, once it has and every event was taken.
  [[nodiscard]] std::optional<absl::Status> result() const;

 private:
  void Run(TrainingClient& client, const TrainingClient::Watch& watch);

  mutable absl::Mutex mutex_;
  std::vector<JobEvent> events_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> result_ ABSL_GUARDED_BY(mutex_);
  std::jthread thread_;  // last: it uses the others
};

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_EVENT_STREAM_H_
