// runtime's Event over a CUDA event.
#ifndef HP_COMMON_LINK_CUDA_EVENT_H_
#define HP_COMMON_LINK_CUDA_EVENT_H_

#include <cuda_runtime_api.h>

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/runtime/event.h"

namespace halfpipe {

// Timed (cudaEventCreate's default), so that SecondsSince works between any
// two native events of one device, whoever made them.
class CudaEvent : public Event {
 public:
  // Status of the work behind the event, asked while waiting: an aborted
  // transfer sets its event as well. Thread-safe.
  using Health = std::function<absl::Status()>;

  // Records an event at the present end of `stream`, on the current device.
  [[nodiscard]] static absl::StatusOr<EventPtr> Record(cudaStream_t stream,
                                                       Health health);
  ~CudaEvent() override;
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;

  [[nodiscard]] void* native() const override { return event_; }

  [[nodiscard]] absl::Status WaitOnHost(absl::Time deadline) const override;

  [[nodiscard]] absl::StatusOr<double> SecondsSince(
      const Event& origin) const override;

 private:
  CudaEvent(cudaEvent_t event, Health health);

  const cudaEvent_t event_;
  const Health health_;
};

}  // namespace halfpipe

#endif  // HP_COMMON_LINK_CUDA_EVENT_H_
