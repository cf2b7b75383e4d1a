// Waits for a job to end while somebody watches: what `run`, `submit`, `watch`
// and `bench` have in common.
#ifndef HP_CLIENT_JOBS_FOLLOW_JOB_H_
#define HP_CLIENT_JOBS_FOLLOW_JOB_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/jobs/event_printer.h"
#include "client/jobs/signal_watch.h"
#include "client/jobs/training_client.h"
#include "common/base/status.h"
#include "common/jobs/job_types.h"

namespace halfpipe {

struct FollowOptions {
  std::string id;
  int64_t after_cursor = 0;
  // Sees every event after the printer has; false ends the wait. May be null.
  std::function<bool(const JobEvent&)> on_event;
  // Called about ten times a second; its failure ends the wait. May be null.
  std::function<absl::Status()> tick;
  // Called when SIGINT, SIGTERM or SIGHUP came, with how many there were so
  // far. False ends the wait. Null: the first one ends it.
  std::function<bool(int)> on_interrupt;
};

// What ended the wait.
enum class FollowEnd { kJobEnded, kInterrupted, kEnough };

struct FollowResult {
  FollowEnd end = FollowEnd::kJobEnded;
  Job job;  // kJobEnded: as it was after its last event
};

// Hands every event to `printer` until the job has ended. Codes: those of
// TrainingClient::WatchJob and of `tick`.
[[nodiscard]] absl::StatusOr<FollowResult> FollowJob(
    TrainingClient& client, SignalWatch& signals, EventPrinter& printer,
    const FollowOptions& options);

// For a job that has ended: kOk, kCancelled, and for a failed one
// kInvalidInput when its config, data or model was at fault, else kJobFailed.
// Differs from ExitCodeFor on purpose: "unavailable" as the reason of a failed
// job means that its stages kept dying, not that the service is unreachable.
[[nodiscard]] ExitCode ExitCodeForEndedJob(const Job& job);

// A job's events on a thread of their own, for a loop that also has signals and
// child processes to look after: calls TrainingClient::WatchJob until it
// returns. The destructor stops the watch and joins the thread. Thread-safe.
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

// Tells a job that gets on from one that does the same again and again. What a
// job had reached when its processes died, it reaches again without any
// progress; only further than that is. Not thread-safe.
class JobAdvance {
 public:
  // `steps_done`: the optimizer steps that the job has done already.
  explicit JobAdvance(int64_t steps_done) : furthest_(steps_done) {}

  // Call it with every event of the job. True: a checkpoint was committed, or
  // more optimizer steps are done than ever before.
  [[nodiscard]] bool See(const JobEvent& event);

 private:
  int64_t furthest_;
};

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_FOLLOW_JOB_H_
