#include "client/jobs/event_stream.h"

#include <stop_token>
#include <utility>

namespace halfpipe {

EventStream::EventStream(TrainingClient& client, TrainingClient::Watch watch)
    : thread_([this, &client,
               watch = std::move(watch)](std::stop_token stop) mutable {
        watch.stop = std::move(stop);
        Run(client, watch);
      }) {}

void EventStream::Run(TrainingClient& client,
                      const TrainingClient::Watch& watch) {
  absl::Status status = client.WatchJob(watch, [&](const JobEvent& event) {
    const absl::MutexLock lock(&mutex_);
    events_.push_back(event);
    return !watch.stop.stop_requested();
  });
  const absl::MutexLock lock(&mutex_);
  result_ = std::move(status);
}

std::vector<JobEvent> EventStream::Take() {
  const absl::MutexLock lock(&mutex_);
  return std::exchange(events_, {});
}

std::optional<absl::Status> EventStream::result() const {
  const absl::MutexLock lock(&mutex_);
  return events_.empty() ? result_ : std::nullopt;
}

}  // namespace halfpipe
