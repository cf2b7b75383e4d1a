#include "client/jobs/obtain_job.h"

#include "client/lora/finished_lora.h"
#include "common/base/status.h"

namespace halfpipe {
namespace {

// Whether a finished job is to run again: its LoRA is not there any more, and
// the user said that what lies in its place may make way.
bool IsInTheWay(const Job& job, const ResumeOptions& options) {
  return options.replace && !RestoreFinishedLora(job).ok();
}

// Whether the job waits for somebody to queue it again.
bool IsAtRest(const Job& job) {
  return HasEnded(job.state) || job.state == JobState::kPaused;
}

}  // namespace

absl::StatusOr<Job> ObtainJob(TrainingClient& client, const JobSpec& spec,
                              EventPrinter& printer) {
  absl::StatusOr<Job> known = client.GetJob(spec.id);
  if (absl::IsNotFound(known.status())) return client.CreateJob(spec);
  HP_RETURN_IF_ERROR(known.status());
  const ResumeOptions options{spec.replace, spec.accept_data};
  if (known->state == JobState::kDone && !IsInTheWay(*known, options)) {
    return known;
  }
  if (!spec.record_dir.empty()) {
    printer.Notice(
        "going on with a job that has begun: --record stays as it was then");
  }
  if (!IsAtRest(*known)) {
    // Its run was killed, and it goes on with what was said then.
    if (known->replace == options.replace &&
        known->accept_data == options.accept_data) {
      return known;
    }
    HP_ASSIGN_OR_RETURN(known, client.CancelJob(spec.id, /*now=*/true));
  }
  return ResumeKnownJob(client, *known, options);
}

absl::StatusOr<Job> ResumeKnownJob(TrainingClient& client, const Job& known,
                                   const ResumeOptions& options) {
  HP_ASSIGN_OR_RETURN(Job job, client.ResumeJob(known.id, options));
  job.last_cursor = known.last_cursor;
  return job;
}

}  // namespace halfpipe
