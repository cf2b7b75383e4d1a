#include "coordinator/schedule/event_delivery.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace halfpipe {
namespace {

constexpr int64_t kEventsAtOnce = 500;

}  // namespace

void EventDelivery::Publish() {
  for (const std::string& id : book_->writes().Collect()) news_.Wake(id);
  if (JobBook::Ticket ticket = book_->writes().Submit(); ticket != nullptr) {
    submitted_ = std::move(ticket);
  }
}

JobBook::Ticket EventDelivery::TakeSubmitted() {
  return std::exchange(submitted_, nullptr);
}

absl::StatusOr<EventBatch> EventDelivery::Read(const std::string& job,
                                               int64_t after_cursor) {
  // The job first: its last event is written before it has ended.
  HP_ASSIGN_OR_RETURN(const Job found, book_->reader().Get(job));
  const JobWrites::State written = book_->writes().StateOf(job);
  EventBatch batch;
  HP_ASSIGN_OR_RETURN(batch.events,
                      book_->reader().Events(job, after_cursor, kEventsAtOnce));
  // An event may be read from the disk before its writer has said that it is
  // there. Where the disk has no room for the last one, the end shows without.
  const int64_t reached =
      batch.events.empty() ? after_cursor : batch.events.back().cursor;
  const bool nothing_comes = reached >= found.last_cursor ||
                             written.cursor >= found.last_cursor ||
                             (written.tried_all && !written.last.ok());
  batch.complete = HasEnded(found.state) && nothing_comes &&
                   batch.events.size() < kEventsAtOnce;
  return batch;
}

bool EventDelivery::WaitForNews(const std::string& job, int64_t after_cursor,
                                absl::Time deadline, absl::Mutex* mutex) {
  news_.Wait(job, deadline, mutex);
  const JobWrites::State written = book_->writes().StateOf(job);
  return written.cursor > after_cursor || !written.last.ok();
}

}  // namespace halfpipe
