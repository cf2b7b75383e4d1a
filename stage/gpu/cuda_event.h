// Events and waits of the CUDA runtime, for the tensor side and for the link,
// which do not know each other.
#ifndef HP_STAGE_GPU_CUDA_EVENT_H_
#define HP_STAGE_GPU_CUDA_EVENT_H_

#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stage/runtime/event.h"

namespace halfpipe {

// A timed cudaEvent_t of the current device. Immutable after Record.
class CudaEvent : public Event {
 public:
  // Status of the work behind the event, asked while waiting: an aborted
  // transfer sets its event as well. Thread-safe; empty: always OK.
  using Health = std::function<absl::Status()>;

  // An event behind everything enqueued so far on `stream`.
  [[nodiscard]] static absl::StatusOr<EventPtr> Record(cudaStream_t stream,
                                                       Health health = {});

  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;
  ~CudaEvent() override;

  [[nodiscard]] void* native() const override { return event_; }

  // Polls, so that a deadline in the past only asks. Internal for a fault.
  [[nodiscard]] absl::Status WaitOnHost(absl::Time deadline) const override;

  // Works between any two native events of one device.
  [[nodiscard]] absl::StatusOr<double> SecondsSince(
      const Event& origin) const override;

 private:
  CudaEvent(cudaEvent_t event, Health health)
      : event_(event), health_(std::move(health)) {}

  [[nodiscard]] absl::Status CheckHealth() const;

  const cudaEvent_t event_;
  const Health health_;
};

// Orders later work on `stream` behind a native event, without blocking.
[[nodiscard]] absl::Status WaitForEvent(cudaStream_t stream,
                                        const Event& event);

// Waits on the host for everything enqueued on `stream`.
[[nodiscard]] absl::Status SynchronizeStream(cudaStream_t stream);

// What the driver says of the current device.
struct DriverMemory {
  int64_t free_bytes = 0;
  int64_t total_bytes = 0;
};

[[nodiscard]] absl::StatusOr<DriverMemory> ReadDriverMemory();

}  // namespace halfpipe

#endif  // HP_STAGE_GPU_CUDA_EVENT_H_
