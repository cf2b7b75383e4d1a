#include "coordinator/store/checkpoint_scrub.h"

#include <algorithm>
#include <utility>

namespace halfpipe {

CheckpointScrub::CheckpointScrub(Verify verify)
    : verify_(std::move(verify)), thread_([this] { Work(); }) {}

CheckpointScrub::~CheckpointScrub() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
}

void CheckpointScrub::Look(const std::string& job,
                           const std::vector<std::string>& directories) {
  absl::MutexLock lock(&mutex_);
  if (std::any_of(queue_.begin(), queue_.end(),
                  [&](const Place& place) { return place.job == job; })) {
    return;
  }
  for (const std::string& directory : directories) {
    queue_.push_back({job, directory});
  }
}

std::vector<CheckpointScrub::Finding> CheckpointScrub::Take() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(findings_, {});
}

void CheckpointScrub::Work() {
  const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stop_ || !queue_.empty();
  };
  while (true) {
    Place place;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&ready));
      if (stop_) return;
      place = queue_.front();
      queue_.pop_front();
    }
    absl::Status status = verify_(place.directory);
    if (status.ok()) continue;
    absl::MutexLock lock(&mutex_);
    findings_.push_back({place.job, place.directory, std::move(status)});
  }
}

}  // namespace halfpipe
