// Transfers that one I/O thread still has to do, and whether they may go on.
#ifndef HP_STAGE_LINK_TRANSFER_QUEUE_H_
#define HP_STAGE_LINK_TRANSFER_QUEUE_H_

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "stage/runtime/buffer_view.h"
#include "stage/runtime/event.h"
#include "stage/runtime/host_event.h"
#include "stage/runtime/peer_link.h"

namespace halfpipe {

// The events of one call of the link, which is done when all its parts are: an
// exchange has two, one for each direction. Thread-safe.
class PendingTransfer {
 public:
  explicit PendingTransfer(int parts)
      : started_(std::make_shared<HostEvent>()),
        done_(std::make_shared<HostEvent>()),
        open_parts_(parts) {}

  void Begin() { started_->Set(absl::OkStatus()); }

  // The transfer has failed when one of its parts has; it is done when all of
  // them are, since until then a thread may touch the buffers.
  void FinishPart(const absl::Status& status) {
    if (!status.ok()) started_->Set(status);
    absl::MutexLock lock(&mutex_);
    if (status_.ok()) status_ = status;
    if (--open_parts_ == 0) done_->Set(status_);
  }

  [[nodiscard]] TransferEvents events() const { return {started_, done_}; }

 private:
  const std::shared_ptr<HostEvent> started_;
  const std::shared_ptr<HostEvent> done_;
  absl::Mutex mutex_;
  int open_parts_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

// One direction of one transfer.
struct TransferJob {
  std::vector<BufferView> buffers;
  EventPtr after;
  std::shared_ptr<PendingTransfer> transfer;
};

// A first-in first-out queue between the link's caller and one I/O thread.
// Thread-safe. After Close every job that is taken or added fails.
class TransferQueue {
 public:
  // The status of Close once it was called; the job is then finished with it.
  [[nodiscard]] absl::Status Add(TransferJob job);

  // Blocks for the next job; nullopt after Close.
  [[nodiscard]] std::optional<TransferJob> Take();

  // The taken job has ended.
  void Finished();

  // Waits until all jobs have ended. DeadlineExceeded, or Close's status.
  [[nodiscard]] absl::Status WaitEmpty(absl::Time deadline) const;

  // Fails all jobs that wait, and every later one. Only the first call counts.
  void Close(const absl::Status& reason);

 private:
  mutable absl::Mutex mutex_;
  std::deque<TransferJob> jobs_ ABSL_GUARDED_BY(mutex_);
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_TRANSFER_QUEUE_H_
