// The part of JobBook between memory and the disk: what is to be written, what
// is under way, and what has come there or has not.
#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/job_book.h"

namespace halfpipe {

absl::Status JobBook::CommitCheckpoint(const std::string& id,
                                       const Checkpoint& checkpoint,
                                       absl::Time now) {
  HP_ASSIGN_OR_RETURN(LiveJob * live, Revive(id));
  if (live->ticket != nullptr) {
    // Whoever writes it needs nothing of the book.
    (void)store_->Wait(live->ticket);
    news_ = Collect();
    HP_ASSIGN_OR_RETURN(live, Revive(id));
  }
  AddEvent(live, checkpoint, now);
  const absl::Status written =
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
  std::vector<Checkpoint>& known = live->stored.job.checkpoints;
  std::erase_if(known, [&](const Checkpoint& old) {
    return old.steps_done == checkpoint.steps_done;
  });
  known.push_back(checkpoint);
  return absl::OkStatus();
}

void JobBook::Flush(absl::Time now) {
  for (const std::string& id : unwritten_) {
    LiveJob& live = live_.at(id);
    live.unwritten_since = std::min(live.unwritten_since, now);
    if (now - live.unwritten_since >= kFlushInterval) live.urgent = true;
  }
}

JobBook::Ticket JobBook::Submit() {
  Ticket last;
  for (auto it = unwritten_.begin(); it != unwritten_.end();) {
    LiveJob& live = live_.at(*it);
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

std::vector<std::string> JobBook::Collect() {
  std::vector<std::string> news = std::exchange(news_, {});
  while (!in_flight_.empty()) {
    const std::string id = in_flight_.front();
    LiveJob& live = live_.at(id);
    if (!store_->IsDone(live.ticket)) break;
    const absl::Status status = store_->Wait(live.ticket);
    in_flight_.pop_front();
    OnWritten(&live, status);
    if (!status.ok() && !live.created) {
      Drop(id);
    } else if (status.ok() && live.unwritten.empty() &&
               HasEnded(live.stored.job.state)) {
      Drop(id);
    }
    news.push_back(id);
  }
  return news;
}

void JobBook::OnWritten(LiveJob* live, const absl::Status& status) {
  const std::string& id = live->stored.job.id;
  live->ticket = nullptr;
  live->last_write = status;
  std::vector<JobEvent> written = std::exchange(live->in_flight, {});
  if (status.ok()) {
    live->written_cursor = written.back().cursor;
    if (!std::exchange(live->created, true)) Enter(*live);
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

JobBook::WriteState JobBook::StateOfWrites(const std::string& id) const {
  WriteState state;
  auto found = live_.find(id);
  if (found == live_.end()) {
    state.cursor = std::numeric_limits<int64_t>::max();
    state.tried_all = true;
    return state;
  }
  const LiveJob& live = found->second;
  state.cursor = live.written_cursor;
  state.ticket = live.ticket;
  state.last = live.last_write;
  state.tried_all = live.ticket == nullptr && !live.urgent;
  return state;
}

}  // namespace halfpipe
