// The book's checkpoints and what is made of the last one.
#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/schedule/job_book.h"

namespace halfpipe {

absl::StatusOr<JobBook::LiveJob*> JobBook::AwaitWrite(const std::string& id) {
  HP_ASSIGN_OR_RETURN(LiveJob* const live, Revive(id));
  if (live->ticket == nullptr) return live;
  // Whoever writes it needs nothing of the book.
  (void)store_->Wait(live->ticket);
  news_ = Collect();
  return Revive(id);
}

void JobBook::Insert(const Checkpoint& checkpoint, Job* job) {
  std::vector<Checkpoint>& known = job->checkpoints;
  std::erase_if(known, [&](const Checkpoint& old) {
    return old.steps_done == checkpoint.steps_done;
  });
  const auto behind =
      std::find_if(known.begin(), known.end(), [&](const Checkpoint& other) {
        return other.steps_done > checkpoint.steps_done;
      });
  known.insert(behind, checkpoint);
}

absl::Status JobBook::CommitCheckpoint(const std::string& id,
                                       const Checkpoint& checkpoint,
                                       absl::Time now) {
  HP_ASSIGN_OR_RETURN(LiveJob* const live, AwaitWrite(id));
  // They were meant for what the job found; from here on that is its own.
  live->stored.job.replace = false;
  live->stored.job.accept_data = false;
  AddEvent(live, checkpoint, now);
  absl::Status written =
      store_->CommitCheckpoint(live->stored.job, checkpoint, live->unwritten);
  if (!written.ok()) {
    // It is not there, so nobody is told of it.
    live->unwritten.pop_back();
    --live->stored.job.last_cursor;
    if (live->unwritten.empty()) unwritten_.erase(id);
    return written;
  }
  live->in_flight = std::exchange(live->unwritten, {});
  unwritten_.erase(id);
  live->urgent = false;
  OnWritten(live, written);
  news_.push_back(id);
  Insert(checkpoint, &live->stored.job);
  return absl::OkStatus();
}

absl::Status JobBook::AdoptCheckpoint(const std::string& id,
                                      const Checkpoint& checkpoint) {
  HP_ASSIGN_OR_RETURN(LiveJob* const live, AwaitWrite(id));
  Job& job = live->stored.job;
  job.steps_done = std::max(job.steps_done, checkpoint.steps_done);
  // The job's row says how many events there are: those that wait go first.
  const std::vector<JobEvent> events = live->unwritten;
  HP_RETURN_IF_ERROR(store_->CommitCheckpoint(job, checkpoint, events));
  if (!events.empty()) {
    live->in_flight = std::exchange(live->unwritten, {});
    unwritten_.erase(id);
    live->urgent = false;
    OnWritten(live, absl::OkStatus());
    news_.push_back(id);
  }
  Insert(checkpoint, &job);
  return absl::OkStatus();
}

void JobBook::ForgetCheckpoint(const std::string& id,
                               const Checkpoint& checkpoint) {
  LiveJob* live = Find(id);
  if (live == nullptr) return;
  if (absl::Status status = store_->ForgetCheckpoint(id, checkpoint.steps_done);
      !status.ok()) {
    LogError("cannot forget a checkpoint",
             {{"job", id}, {"status", status.message()}});
    return;
  }
  std::erase_if(live->stored.job.checkpoints, [&](const Checkpoint& old) {
    return old.steps_done == checkpoint.steps_done;
  });
}

void JobBook::SetExports(const std::string& id,
                         const std::vector<std::string>& paths) {
  if (LiveJob* live = Find(id); live != nullptr) {
    live->stored.job.exports = paths;
  }
}

}  // namespace halfpipe
