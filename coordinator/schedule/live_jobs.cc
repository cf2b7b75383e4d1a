#include "coordinator/schedule/live_jobs.h"

#include <utility>

namespace halfpipe {
namespace {

// A text that is only made empty, or given an empty one, keeps its memory.
void ReleaseText(std::string* text) { std::string().swap(*text); }

}  // namespace

LiveJob* LiveJobs::AddComing(StoredJob stored) {
  LiveJob& live = live_[stored.job.id];
  live.stored = std::move(stored);
  ReleaseText(&live.stored.spec.config_yaml);
  live.created = false;
  coming_bytes_ += live.stored.bytes;
  return &live;
}

void LiveJobs::OnCreated(LiveJob* live) {
  live->created = true;
  coming_bytes_ -= live->stored.bytes;
  ReleaseText(&live->stored.job.config_yaml);  // the store has it
  Enter(*live);
}

LiveJob* LiveJobs::Admit(StoredJob stored) {
  LiveJob& live = live_[stored.job.id];
  live.stored = std::move(stored);
  live.written_cursor = live.stored.job.last_cursor;
  // One that waits may have its place already.
  if (queue_.Position(live.stored.job.id) == 0) Enter(live);
  LetRest(&live);
  return &live;
}

void LiveJobs::Enqueue(const QueuedJob& job) {
  ++counts_[std::string(JobStateName(JobState::kQueued))];
  queue_.Add(job.id, job.number, job.priority, job.bytes);
}

void LiveJobs::TakeOut(const std::string& id) {
  if (queue_.Position(id) == 0) return;
  queue_.Remove(id);
  needs_.erase(id);
  CountDown(JobState::kQueued);
}

void LiveJobs::Drop(const std::string& id) {
  auto found = live_.find(id);
  if (found == live_.end()) return;
  if (found->second.created) {
    Leave(found->second);
  } else {
    coming_bytes_ -= found->second.stored.bytes;
    needs_.erase(id);
  }
  live_.erase(found);
}

void LiveJobs::ChangeState(LiveJob* live, JobState state) {
  Leave(*live);
  live->stored.job.state = state;
  Enter(*live);
}

LiveJob* LiveJobs::Find(const std::string& id) {
  LiveJob* const live = FindAny(id);
  return live != nullptr && live->created ? live : nullptr;
}

const LiveJob* LiveJobs::Find(const std::string& id) const {
  const LiveJob* const live = FindAny(id);
  return live != nullptr && live->created ? live : nullptr;
}

LiveJob* LiveJobs::FindAny(const std::string& id) {
  auto found = live_.find(id);
  return found == live_.end() ? nullptr : &found->second;
}

const LiveJob* LiveJobs::FindAny(const std::string& id) const {
  auto found = live_.find(id);
  return found == live_.end() ? nullptr : &found->second;
}

QueuedNeeds* LiveJobs::FindNeeds(const std::string& id) {
  auto found = needs_.find(id);
  return found == needs_.end() ? nullptr : &found->second;
}

QueuedNeeds* LiveJobs::KeepNeeds(const std::string& id, QueuedNeeds needs) {
  QueuedNeeds& kept = needs_[id];
  kept = std::move(needs);
  return &kept;
}

void LiveJobs::LetRest(LiveJob* live) {
  if (live->at_rest || live->stored.job.state != JobState::kQueued) return;
  live->at_rest = true;
  at_rest_.push_back(live->stored.job.id);
}

void LiveJobs::Rest() {
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

void LiveJobs::Enter(const LiveJob& live) {
  const Job& job = live.stored.job;
  if (job.state == JobState::kQueued) {
    return Enqueue(
        {live.stored.number, job.id, job.priority, live.stored.bytes});
  }
  ++counts_[std::string(JobStateName(job.state))];
}

void LiveJobs::Leave(const LiveJob& live) {
  const Job& job = live.stored.job;
  CountDown(job.state);
  queue_.Remove(job.id);
  needs_.erase(job.id);
}

void LiveJobs::CountDown(JobState state) {
  auto count = counts_.find(std::string(JobStateName(state)));
  if (--count->second == 0) counts_.erase(count);
}

}  // namespace halfpipe
