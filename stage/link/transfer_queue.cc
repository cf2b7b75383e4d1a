#include "stage/link/transfer_queue.h"

#include <utility>

#include "common/base/steady_clock.h"

namespace halfpipe {

absl::Status TransferQueue::Add(TransferJob job) {
  absl::MutexLock lock(&mutex_);
  if (!closed_.ok()) {
    job.transfer->FinishPart(closed_);
    return closed_;
  }
  jobs_.push_back(std::move(job));
  return absl::OkStatus();
}

std::optional<TransferJob> TransferQueue::Take() {
  const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !jobs_.empty() || !closed_.ok();
  };
  absl::MutexLock lock(&mutex_, absl::Condition(&ready));
  if (!closed_.ok()) return std::nullopt;
  TransferJob job = std::move(jobs_.front());
  jobs_.pop_front();
  busy_ = true;
  return job;
}

void TransferQueue::Finished() {
  absl::MutexLock lock(&mutex_);
  busy_ = false;
}

absl::Status TransferQueue::WaitEmpty(absl::Time deadline) const {
  const auto empty = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return (jobs_.empty() && !busy_) || !closed_.ok();
  };
  absl::MutexLock lock(&mutex_);
  if (!mutex_.AwaitWithTimeout(absl::Condition(&empty),
                               deadline - SteadyNow())) {
    return absl::DeadlineExceededError("transfers are still under way");
  }
  return closed_;
}

void TransferQueue::Close(const absl::Status& reason) {
  std::deque<TransferJob> open;
  {
    absl::MutexLock lock(&mutex_);
    if (!closed_.ok()) return;
    closed_ = reason;
    open.swap(jobs_);
  }
  for (TransferJob& job : open) job.transfer->FinishPart(reason);
}

}  // namespace halfpipe
