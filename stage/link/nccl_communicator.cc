#include "stage/link/nccl_communicator.h"

#include <cuda_runtime_api.h>

#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/base/failure.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/steady_clock.h"
#include "stage/gpu/cuda_errors.h"
#include "stage/link/nccl_errors.h"

namespace halfpipe {
namespace {

constexpr absl::Duration kPollInterval = absl::Microseconds(50);
constexpr absl::Duration kAbortTimeout = absl::Seconds(10);
constexpr int kEnds = 2;  // each link has a communicator of its own

}  // namespace

absl::StatusOr<std::unique_ptr<NcclCommunicator>> NcclCommunicator::Create(
    const Options& options, absl::Time deadline, const std::stop_token& stop) {
  HP_CUDA_RETURN_IF_ERROR(cudaSetDevice(options.device));
  std::unique_ptr<NcclCommunicator> communicator(
      new NcclCommunicator(options.device));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  if (options.max_ctas > 0) config.maxCTAs = options.max_ctas;
  {
    absl::MutexLock lock(&communicator->mutex_);
    HP_NCCL_RETURN_IF_ERROR(
        ncclCommInitRankConfig(&communicator->comm_, kEnds, options.id,
                               static_cast<int>(options.end), &config),
        nullptr);
  }
  HP_RETURN_IF_ERROR(communicator->AwaitReady(deadline, stop));
  return communicator;
}

NcclCommunicator::~NcclCommunicator() {
  Abort(absl::AbortedError("the link was closed"));
}

absl::Status NcclCommunicator::Run(
    const std::function<ncclResult_t(ncclComm_t)>& enqueue,
    absl::Time deadline) {
  {
    absl::MutexLock lock(&mutex_);
    HP_RETURN_IF_ERROR(status_);
    absl::Status enqueued =
        NcclStatus(ncclGroupStart(), "ncclGroupStart", comm_);
    if (enqueued.ok()) {
      enqueued = NcclStatus(enqueue(comm_), "enqueue of a transfer", comm_);
      // The group must be closed in any case: it belongs to the thread.
      const absl::Status ended =
          NcclStatus(ncclGroupEnd(), "ncclGroupEnd", comm_);
      enqueued.Update(ended);
    }
    if (!enqueued.ok()) {
      status_ = enqueued;
      return enqueued;
    }
  }
  absl::Status taken = AwaitReady(deadline, {});
  if (!taken.ok()) Fail(taken);
  return taken;
}

absl::Status NcclCommunicator::Poll() {
  const absl::StatusOr<ncclResult_t> state = State();
  if (!state.ok()) Fail(state.status());
  return state.status();
}

absl::Status NcclCommunicator::status() const {
  absl::MutexLock lock(&mutex_);
  return status_;
}

void NcclCommunicator::Abort(const absl::Status& reason) {
  ncclComm_t comm = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    if (status_.ok()) {
      status_ = absl::Status(absl::StatusCode::kAborted, reason.message());
      if (IsMarked(reason, FailureKind::kNccl)) {
        MarkFailure(FailureKind::kNccl, &status_);
      }
    }
    std::swap(comm, comm_);
  }
  if (comm == nullptr) return;
  auto aborted = std::make_shared<absl::Notification>();
  std::thread worker([comm, aborted, device = device_] {
    cudaSetDevice(device);
    const absl::Status status =
        NcclStatus(ncclCommAbort(comm), "ncclCommAbort", nullptr);
    if (!status.ok()) {
      LogWarning("abort of the link", {{"error", status.ToString()}});
    }
    aborted->Notify();
  });
  if (aborted->WaitForNotificationWithTimeout(kAbortTimeout)) {
    worker.join();
    return;
  }
  worker.detach();
  LogError("the link could not be aborted; the process must end");
  absl::MutexLock lock(&mutex_);
  status_ = absl::InternalError(absl::StrCat(
      "ncclCommAbort did not return within ",
      absl::FormatDuration(kAbortTimeout), ", after: ", reason.message()));
  MarkFailure(FailureKind::kNccl, &status_);
}

absl::Status NcclCommunicator::AwaitReady(absl::Time deadline,
                                          const std::stop_token& stop) {
  while (true) {
    HP_ASSIGN_OR_RETURN(ncclResult_t state, State());
    if (state != ncclInProgress) return absl::OkStatus();
    if (stop.stop_requested()) return absl::CancelledError("join abandoned");
    if (SteadyNow() >= deadline) {
      return absl::DeadlineExceededError("the peer did not answer in time");
    }
    absl::SleepFor(kPollInterval);
  }
}

absl::StatusOr<ncclResult_t> NcclCommunicator::State() {
  absl::MutexLock lock(&mutex_);
  HP_RETURN_IF_ERROR(status_);
  ncclResult_t state = ncclSuccess;
  HP_NCCL_RETURN_IF_ERROR(ncclCommGetAsyncError(comm_, &state), comm_);
  HP_RETURN_IF_ERROR(NcclStatus(state, "NCCL", comm_));
  return state;
}

void NcclCommunicator::Fail(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (status_.ok()) status_ = status;
}

}  // namespace halfpipe
