// The job that `halfpipe run` works on: an earlier run's, or a new one.
#ifndef HP_CLIENT_JOBS_OBTAIN_JOB_H_
#define HP_CLIENT_JOBS_OBTAIN_JOB_H_

#include "absl/status/statusor.h"
#include "client/jobs/event_printer.h"
#include "client/jobs/training_client.h"

namespace halfpipe {

// Finds the job of `spec.id`, or creates it. One that failed, was cancelled or
// paused is queued again, and with --replace one that is done and whose LoRA is
// not in its place. `spec`'s replace and accept_data count, whatever the job
// was started with before. Its last_cursor is where this run's events begin.
// Codes of TrainingClient's calls.
[[nodiscard]] absl::StatusOr<Job> ObtainJob(TrainingClient& client,
                                            const JobSpec& spec,
                                            EventPrinter& printer);

// Queues a job again. Its last_cursor stays that of `known`, so that the
// resumption's own events are shown.
[[nodiscard]] absl::StatusOr<Job> ResumeKnownJob(TrainingClient& client,
                                                 const Job& known,
                                                 const ResumeOptions& options);

}  // namespace halfpipe

#endif  // HP_CLIENT_JOBS_OBTAIN_JOB_H_
