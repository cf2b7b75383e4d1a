#include "coordinator/schedule/job_writes.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace halfpipe {

JobWrites::State JobWrites::StateOf(const std::string& id) const {
  State state;
  const LiveJob* const live = jobs_->FindAny(id);
  if (live == nullptr) {
    state.cursor = std::numeric_limits<int64_t>::max();
    state.tried_all = true;
    return state;
  }
  state.cursor = live->written_cursor;
  state.ticket = live->ticket;
  state.last = live->last_write;
  state.tried_all = live->ticket == nullptr && !live->urgent;
  return state;
}

void JobWrites::Add(LiveJob* live, JobEventBody event, absl::Time now) {
  if (live->unwritten.empty()) live->unwritten_since = now;
  JobEvent added;
  added.cursor = ++live->stored.job.last_cursor;
  added.time = now;
  added.what = std::move(event);
  live->unwritten.push_back(std::move(added));
  unwritten_.insert(live->stored.job.id);
}

void JobWrites::TakeBack(LiveJob* live) {
  live->unwritten.pop_back();
  --live->stored.job.last_cursor;
  if (live->unwritten.empty()) unwritten_.erase(live->stored.job.id);
}

void JobWrites::OnAllWritten(LiveJob* live) {
  live->in_flight = std::exchange(live->unwritten, {});
  unwritten_.erase(live->stored.job.id);
  live->urgent = false;
  OnWritten(live, absl::OkStatus());
  news_.push_back(live->stored.job.id);
}

void JobWrites::Drop(const std::string& id) {
  unwritten_.erase(id);
  jobs_->Drop(id);
}

void JobWrites::Flush(absl::Time now) {
  for (const std::string& id : unwritten_) {
    LiveJob& live = *jobs_->FindAny(id);
    live.unwritten_since = std::min(live.unwritten_since, now);
    if (now - live.unwritten_since >= kFlushInterval) live.urgent = true;
  }
}

JobWrites::Ticket JobWrites::Submit() {
  Ticket last;
  for (auto it = unwritten_.begin(); it != unwritten_.end();) {
    LiveJob& live = *jobs_->FindAny(*it);
    if (!live.urgent || live.ticket != nullptr) {
      ++it;
      continue;
    }
    live.urgent = false;
    live.in_flight = std::exchange(live.unwritten, {});
    live.ticket = live.created
                      ? store_->QueueUpdate(live.stored.job, live.in_flight)
                      : store_->QueueCreate(live.stored, live.in_flight);
    last = live.ticket;
    in_flight_.push_back(*it);
    it = unwritten_.erase(it);
  }
  return last;
}

std::vector<std::string> JobWrites::Collect() {
  std::vector<std::string> news = std::exchange(news_, {});
  while (!in_flight_.empty()) {
    const std::string id = in_flight_.front();
    LiveJob& live = *jobs_->FindAny(id);
    if (!store_->IsDone(live.ticket)) break;
    const absl::Status status = store_->Wait(live.ticket);
    in_flight_.pop_front();
    OnWritten(&live, status);
    const bool never_was = !status.ok() && !live.created;
    const bool is_over = status.ok() && live.unwritten.empty() &&
                         HasEnded(live.stored.job.state);
    if (never_was || is_over) Drop(id);
    news.push_back(id);
  }
  return news;
}

void JobWrites::OnWritten(LiveJob* live, const absl::Status& status) {
  const std::string& id = live->stored.job.id;
  live->ticket = nullptr;
  live->last_write = status;
  std::vector<JobEvent> written = std::exchange(live->in_flight, {});
  if (status.ok()) {
    live->written_cursor = written.back().cursor;
    if (!live->created) jobs_->OnCreated(live);
    jobs_->LetRest(live);
    return;
  }
  LogError("cannot write a job", {{"job", id}, {"status", status.message()}});
  // Tried again some time after the next flush; the disk may have room again.
  live->unwritten_since = absl::InfiniteFuture();
  written.insert(written.end(),
                 std::make_move_iterator(live->unwritten.begin()),
                 std::make_move_iterator(live->unwritten.end()));
  live->unwritten = std::move(written);
  live->urgent = false;
  unwritten_.insert(id);
}

bool JobWrites::IsComing(const std::string& id) const {
  const LiveJob* const live = jobs_->FindAny(id);
  return live != nullptr && !live->created;
}

absl::StatusOr<LiveJob*> JobWrites::Revive(const std::string& id) {
  if (IsComing(id)) {
    news_ = Collect();  // it may have come to the disk
    if (IsComing(id)) {
      return absl::NotFoundError(absl::StrCat("there is no job \"", id, "\""));
    }
  }
  if (LiveJob* live = jobs_->Find(id); live != nullptr) return live;
  HP_ASSIGN_OR_RETURN(StoredJob stored, store_->Get(id));
  if (stored.is_damaged) return stored.job.error;
  return jobs_->Admit(std::move(stored));
}

absl::StatusOr<LiveJob*> JobWrites::FindOrRevive(const std::string& id) {
  if (LiveJob* live = jobs_->FindAny(id); live != nullptr) return live;
  if (jobs_->queue().Position(id) > 0) return Revive(id);
  return absl::NotFoundError(absl::StrCat("there is no live job ", id));
}

absl::StatusOr<LiveJob*> JobWrites::AwaitWrite(const std::string& id) {
  HP_ASSIGN_OR_RETURN(LiveJob* const live, Revive(id));
  if (live->ticket == nullptr) return live;
  // Whoever writes it needs nothing of the book.
  (void)store_->Wait(live->ticket);
  news_ = Collect();
  return Revive(id);
}

}  // namespace halfpipe
