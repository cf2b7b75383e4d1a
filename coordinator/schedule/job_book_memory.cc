// Which jobs of the book are in memory, and how they come and go.
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/schedule/job_book.h"

namespace halfpipe {

JobBook::LiveJob* JobBook::Admit(StoredJob stored) {
  LiveJob& live = live_[stored.job.id];
  live.stored = std::move(stored);
  live.written_cursor = live.stored.job.last_cursor;
  // One that waits may have its place already.
  if (queue_.Position(live.stored.job.id) == 0) Enter(live);
  LetRest(&live);
  return &live;
}

void JobBook::Enqueue(const QueuedJob& job) {
  ++counts_[std::string(JobStateName(JobState::kQueued))];
  queue_.Add(job.id, job.number, job.priority, job.bytes);
}

void JobBook::Enter(const LiveJob& live) {
  const Job& job = live.stored.job;
  if (job.state == JobState::kQueued) {
    return Enqueue(
        {live.stored.number, job.id, job.priority, live.stored.bytes});
  }
  ++counts_[std::string(JobStateName(job.state))];
}

void JobBook::Leave(const LiveJob& live) {
  const Job& job = live.stored.job;
  auto count = counts_.find(std::string(JobStateName(job.state)));
  if (--count->second == 0) counts_.erase(count);
  queue_.Remove(job.id);
  known_.erase(job.id);
}

void JobBook::Drop(const std::string& id) {
  auto found = live_.find(id);
  if (found == live_.end()) return;
  if (found->second.created) {
    Leave(found->second);
  } else {
    coming_bytes_ -= found->second.stored.bytes;
    known_.erase(id);
  }
  unwritten_.erase(id);
  live_.erase(found);
}

JobBook::LiveJob* JobBook::Find(const std::string& id) {
  auto found = live_.find(id);
  return found != live_.end() && found->second.created ? &found->second
                                                       : nullptr;
}

const JobBook::LiveJob* JobBook::Find(const std::string& id) const {
  auto found = live_.find(id);
  return found != live_.end() && found->second.created ? &found->second
                                                       : nullptr;
}

absl::StatusOr<JobBook::LiveJob*> JobBook::Revive(const std::string& id) {
  if (live_.contains(id) && Find(id) == nullptr) {
    news_ = Collect();  // it may have come to the disk
    if (live_.contains(id) && Find(id) == nullptr) {
      return absl::NotFoundError(absl::StrCat("there is no job \"", id, "\""));
    }
  }
  if (LiveJob* live = Find(id); live != nullptr) return live;
  HP_ASSIGN_OR_RETURN(StoredJob stored, store_->Get(id));
  if (stored.is_damaged) return stored.job.error;
  return Admit(std::move(stored));
}

absl::StatusOr<JobBook::LiveJob*> JobBook::FindOrRevive(const std::string& id) {
  if (auto found = live_.find(id); found != live_.end()) return &found->second;
  if (queue_.Position(id) > 0) return Revive(id);
  return absl::NotFoundError(absl::StrCat("there is no live job ", id));
}

void JobBook::LetRest(LiveJob* live) {
  if (live->at_rest || live->stored.job.state != JobState::kQueued) return;
  live->at_rest = true;
  at_rest_.push_back(live->stored.job.id);
}

void JobBook::Rest() {
  for (size_t looks = at_rest_.size();
       looks > 0 && at_rest_.size() > kMostAtRest; --looks) {
    const std::string id = std::move(at_rest_.front());
    at_rest_.pop_front();
    const auto found = live_.find(id);
    if (found == live_.end()) continue;
    LiveJob& live = found->second;
    live.at_rest = false;
    if (!live.unwritten.empty() || live.ticket != nullptr) {
      LetRest(&live);
    } else if (live.stored.job.state == JobState::kQueued) {
      live_.erase(found);  // its place in the queue stays
    }
  }
}

absl::StatusOr<std::string> JobBook::ConfigOf(const LiveJob& live) const {
  if (!live.created) return live.stored.job.config_yaml;
  return store_->Config(live.stored.job.id);
}

absl::StatusOr<Job> JobBook::Delete(const std::string& id) {
  HP_ASSIGN_OR_RETURN(Job job, Get(id));
  if (!HasEnded(job.state)) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", id, " is ", JobStateName(job.state),
                     ": only the record of a job that has ended can be "
                     "deleted; halfpipe cancel ",
                     id, " ends it"));
  }
  if (Find(id) != nullptr) {
    HP_ASSIGN_OR_RETURN(LiveJob* const live, AwaitWrite(id));
    if (!live->unwritten.empty()) {
      return absl::UnavailableError(absl::StrCat(
          "how job ", id, " ended is not on the disk yet: try again later"));
    }
    Drop(id);
  }
  HP_RETURN_IF_ERROR(store_->Delete({id}));
  LogInfo("job deleted", {{"job", id}});
  return job;
}

absl::StatusOr<size_t> JobBook::Prune(absl::Time before, int64_t keep,
                                      int64_t most) {
  HP_ASSIGN_OR_RETURN(std::vector<std::string> ids,
                      store_->ListExpired(before, keep, most));
  std::erase_if(ids, [this](const std::string& id) {
    return live_.contains(id);  // somebody resumes it
  });
  if (ids.empty()) return 0;
  HP_RETURN_IF_ERROR(store_->Delete(ids));
  LogInfo("old jobs deleted", {{"jobs", ids.size()}, {"first", ids.front()}});
  return ids.size();
}

absl::Status JobBook::SetAside(const std::vector<std::string>& ids,
                               absl::Time now) {
  std::vector<std::string> aside;
  for (const std::string& id : ids) {
    if (live_.contains(id)) continue;
    aside.push_back(id);
    if (queue_.Position(id) == 0) continue;
    queue_.Remove(id);
    known_.erase(id);
    auto count = counts_.find(std::string(JobStateName(JobState::kQueued)));
    if (--count->second == 0) counts_.erase(count);
  }
  if (aside.empty()) return absl::OkStatus();
  return store_->SetAside(aside, now);
}

}  // namespace halfpipe
