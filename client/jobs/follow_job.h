// Waits for a job to end while somebody watches: what `run`, `submit`, `watch`
// and `bench` have in common.
#ifndef HP_CLIENT_JOBS_FOLLOW_JOB_H_
#define HP_CLIENT_JOBS_FOLLOW_JOB_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_FOLLOW_JOB_H_
