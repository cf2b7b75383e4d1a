// The part of Coordinator that waits for the disk: a change is made and queued
// under the lock, and waited for without it (docs/decisions/0042).
#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "coordinator/schedule/coordinator.h"
#include "coordinator/schedule/path_roots.h"
#include "coordinator/store/job_request.h"

namespace halfpipe {
namespace {

constexpr int64_t kEventsAtOnce = 500;
// How soon a wait notices that its caller has gone.
constexpr absl::Duration kCommitCancelCheck = absl::Milliseconds(500);

}  // namespace

void Coordinator::Publish() {
  for (const std::string& id : book_->Collect()) news_.Wake(id);
  if (JobBook::Ticket ticket = book_->Submit(); ticket != nullptr) {
    submitted_ = std::move(ticket);
  }
}

void Coordinator::Commit() {
  JobBook::Ticket ticket;
  do {
    // What went wrong is in the log, and written again later.
    if (ticket != nullptr) (void)store_.Wait(ticket);
    absl::MutexLock lock(&mutex_);
    Publish();
    ticket = std::exchange(submitted_, nullptr);
  } while (ticket != nullptr);
}

absl::Status Coordinator::AwaitWritten(const std::string& id, int64_t cursor) {
  while (true) {
    JobBook::WriteState state;
    {
      absl::MutexLock lock(&mutex_);
      Publish();
      state = book_->StateOfWrites(id);
    }
    if (state.cursor >= cursor) return absl::OkStatus();
    if (state.ticket == nullptr) return state.last;
    HP_RETURN_IF_ERROR(store_.Wait(state.ticket));
  }
}

absl::StatusOr<Job> Coordinator::CreateJob(const JobSpec& spec) {
  const absl::Time now = options_.clock();
  // Takes longer than all the rest, and needs nothing of ours.
  HP_ASSIGN_OR_RETURN(const Submission read, ReadInTurn(spec, options_.wall()));
  HP_RETURN_IF_ERROR(CheckPaths(options_.roots, read.config, spec.record_dir));
  const Job& job = read.job;
  const Durably durably(this);
  JobBook::Ticket ticket;
  {
    absl::MutexLock lock(&mutex_);
    if (shutting_down_) return ClosedError();
    HP_ASSIGN_OR_RETURN(const bool known, book_->Knows(job.id, spec));
    if (spec.validate_only) return job;
    if (known) {
      ticket = book_->StateOfWrites(job.id).ticket;
    } else {
      HP_RETURN_IF_ERROR(CheckRoomInQueue(BytesOf(job, spec)));
      ticket = BeginCreate(spec, job, now);
    }
  }
  if (ticket != nullptr) HP_RETURN_IF_ERROR(store_.Wait(ticket));
  absl::MutexLock lock(&mutex_);
  Publish();
  HP_ASSIGN_OR_RETURN(const Job queued, book_->Get(job.id));
  // Those before it were looked at when something happened that they wait for.
  if (!shutting_down_ && !queue_is_due_ && queued.queue_position > 0 &&
      HasIdlePair()) {
    AssignJob(job.id, queued.queue_position, PairsNow(), now);
  }
  Settle(now);
  return book_->GetWhole(job.id);
}

absl::StatusOr<Submission> Coordinator::ReadInTurn(const JobSpec& spec,
                                                   absl::Time wall) {
  HP_RETURN_IF_ERROR(CheckJobSpec(spec));
  absl::MutexLock turn(&reading_);
  return ReadSubmission(spec, wall);
}

absl::Status Coordinator::CheckRoomInQueue(int64_t bytes) const {
  if (book_->queue().size() >= static_cast<size_t>(options_.max_queued_jobs)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        options_.max_queued_jobs,
        " jobs wait already, which is this service's limit "
        "(limits.queued_jobs): try again when some of them have run"));
  }
  if (bytes <= options_.max_queued_bytes - book_->QueuedBytes()) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "the files of the jobs that wait have ", book_->QueuedBytes(),
      " bytes together, and this one has ", bytes, "; this service's limit is ",
      options_.max_queued_bytes,
      " (limits.queued_bytes): try again when some of them have run"));
}

JobBook::Ticket Coordinator::BeginCreate(const JobSpec& spec, const Job& job,
                                         absl::Time now) {
  book_->Create(spec, job, options_.wall());
  // The reason goes to the disk with the job. Where a pair has no job, this one
  // may start there, but not before it is on the disk.
  const auto position = static_cast<int64_t>(book_->queue().size()) + 1;
  if (position > kReasonsAtOnce) {
    WaitBehind(job.id, "waits for the job before it");
  } else if (!HasIdlePair()) {
    AssignJob(job.id, position, PairsNow(), now);
  }
  Publish();
  return book_->StateOfWrites(job.id).ticket;
}

absl::StatusOr<Job> Coordinator::CancelJob(const std::string& id, bool now) {
  const Durably durably(this);
  HP_ASSIGN_OR_RETURN(Job job, CancelNow(id, now));
  HP_RETURN_IF_ERROR(AwaitWritten(id, job.last_cursor));
  return job;
}

absl::StatusOr<Job> Coordinator::ResumeJob(const std::string& id,
                                           const ResumeOptions& options) {
  const Durably durably(this);
  HP_ASSIGN_OR_RETURN(Job job, ResumeNow(id, options));
  HP_RETURN_IF_ERROR(AwaitWritten(id, job.last_cursor));
  return job;
}

absl::StatusOr<Job> Coordinator::PauseJob(const std::string& id) {
  const Durably durably(this);
  HP_ASSIGN_OR_RETURN(Job job, PauseNow(id));
  HP_RETURN_IF_ERROR(AwaitWritten(id, job.last_cursor));
  return job;
}

absl::StatusOr<Coordinator::EventBatch> Coordinator::ReadEvents(
    const std::string& id, int64_t after_cursor) {
  // The job first: its last event is written before it has ended.
  HP_ASSIGN_OR_RETURN(const Job job, book_->Get(id));
  const JobBook::WriteState written = book_->StateOfWrites(id);
  EventBatch batch;
  HP_ASSIGN_OR_RETURN(batch.events,
                      book_->Events(id, after_cursor, kEventsAtOnce));
  // An event may be read from the disk before its writer has said that it is
  // there. Where the disk has no room for the last one, the end shows without.
  const int64_t reached =
      batch.events.empty() ? after_cursor : batch.events.back().cursor;
  const bool nothing_comes = reached >= job.last_cursor ||
                             written.cursor >= job.last_cursor ||
                             (written.tried_all && !written.last.ok());
  batch.complete = HasEnded(job.state) && nothing_comes &&
                   batch.events.size() < kEventsAtOnce;
  return batch;
}

absl::StatusOr<Coordinator::EventBatch> Coordinator::WaitForEvents(
    const std::string& id, int64_t after_cursor, absl::Time deadline,
    const std::function<bool()>& cancelled) {
  absl::MutexLock lock(&mutex_);
  while (true) {
    HP_ASSIGN_OR_RETURN(EventBatch batch, ReadEvents(id, after_cursor));
    if (!batch.events.empty() || batch.complete) return batch;
    JobBook::WriteState written;
    do {
      if (closed_) return ClosedError();
      const absl::Time now = SteadyNow();
      if (now >= deadline || cancelled()) return batch;
      news_.Wait(id, std::min(deadline, now + kCommitCancelCheck), &mutex_);
      written = book_->StateOfWrites(id);
    } while (written.cursor <= after_cursor && written.last.ok());
  }
}

}  // namespace halfpipe
