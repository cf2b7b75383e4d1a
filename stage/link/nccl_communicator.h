// One non-blocking NCCL communicator of a link's two ends, and how it ends.
#ifndef HP_STAGE_LINK_NCCL_COMMUNICATOR_H_
#define HP_STAGE_LINK_NCCL_COMMUNICATOR_H_

#include <nccl.h>

#include <functional>
#include <memory>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "stage/link/link_options.h"

namespace halfpipe {

// A blocking communicator would hold the calling thread inside NCCL with no
// way out while the peer is away. This one returns at once, its owner polls
// between short locks, and an abort from another thread gets in between.
//
// Thread rule: Run from one thread; status, Poll and Abort from any.
class NcclCommunicator {
 public:
  struct Options {
    ncclUniqueId id = {};
    LinkEnd end = LinkEnd::kListens;  // its value: the rank that NCCL knows
    int device = 0;
    int max_ctas = 0;  // 0: NCCL's choice
  };

  // Joins. DeadlineExceeded when the peer does not come, Cancelled by `stop`,
  // else NCCL's error.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<NcclCommunicator>> Create(
      const Options& options, absl::Time deadline, const std::stop_token& stop);
  // Aborts what is still open.
  ~NcclCommunicator();

  // Enqueues one group of operations and waits until NCCL has taken it (not
  // until it is done). The first error is kept and returned ever after.
  [[nodiscard]] absl::Status Run(
      const std::function<ncclResult_t(ncclComm_t)>& enqueue,
      absl::Time deadline);

  // Asks NCCL for errors that came up since. OK while all is well.
  [[nodiscard]] absl::Status Poll();

  // The first error or the reason of the abort.
  [[nodiscard]] absl::Status status() const;

  // Ends every kernel and wait of the communicator, with ncclCommAbort on a
  // thread of its own. When that has not returned after 10 s, the status is
  // Internal from then on: only the end of the process helps. A second Abort
  // does nothing.
  void Abort(const absl::Status& reason);

 private:
  explicit NcclCommunicator(int device) : device_(device) {}

  absl::Status AwaitReady(absl::Time deadline, const std::stop_token& stop);
  // The communicator's state; ncclInProgress while it works.
  absl::StatusOr<ncclResult_t> State();
  void Fail(const absl::Status& status);

  const int device_;
  mutable absl::Mutex mutex_;
  ncclComm_t comm_ ABSL_GUARDED_BY(mutex_) = nullptr;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace halfpipe

#endif  // HP_STAGE_LINK_NCCL_COMMUNICATOR_H_
