// Where the compute stream's time goes, by kind of kernel. Off it costs one
// test of a pointer; on, two events around each group of kernels.
#ifndef HP_STAGE_KERNELS_KERNEL_PROFILE_H_
#define HP_STAGE_KERNELS_KERNEL_PROFILE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "stage/runtime/event.h"

namespace halfpipe {

enum class KernelGroup : uint8_t {
  kLinear,             // products with frozen weights
  kLora,               // A(x), B^T dy, and the adapters' gradients
  kAttentionForward,   // self and cross
  kAttentionBackward,  // self and cross
  kNorm,               // layer norms with their modulation, gated residuals
  kQkNorm,             // RMS norm, rotation and centring of queries and keys
  kActivation,         // GELU
  kHead,               // head and loss
  kQuantise,           // to 8 bits and back
};

inline constexpr size_t kKernelGroups = 9;

// "linear", "lora", "attention_forward", "attention_backward", "norm",
// "qk_norm", "activation", "head", "quantise".
[[nodiscard]] absl::string_view KernelGroupName(KernelGroup group);

// Seconds of device time by group, indexed by KernelGroup.
using GroupSeconds = std::array<double, kKernelGroups>;

// Collects what the KernelScopes of one thread see while it is active there.
class KernelProfile {
 public:
  KernelProfile() = default;
  KernelProfile(const KernelProfile&) = delete;
  KernelProfile& operator=(const KernelProfile&) = delete;
  // Stops, if it is still active.
  ~KernelProfile();

  // From now on this is the calling thread's profile, until Stop there.
  void Start();
  void Stop();

  // Stops and forgets what was seen.
  void Discard();

  // Sums up and forgets. REQUIRES: the device has finished what was profiled.
  // Internal for a device fault.
  [[nodiscard]] absl::StatusOr<GroupSeconds> Take();

 private:
  friend class KernelScope;

  struct Span {
    KernelGroup group;
    EventPtr begin, end;
  };

  std::vector<Span> spans_;
  bool open_ = false;  // a scope is alive
};

// Attributes the kernels that are enqueued during its life to a group. Within
// another scope it does nothing: that one has the time already.
class KernelScope {
 public:
  // `on_cuda`: the work goes to the current CUDA stream, not to the CPU.
  KernelScope(KernelGroup group, bool on_cuda);
  KernelScope(const KernelScope&) = delete;
  KernelScope& operator=(const KernelScope&) = delete;
  ~KernelScope();

 private:
  KernelGroup group_;
  bool on_cuda_;
  EventPtr begin_;  // null when no profile is active
};

}  // namespace halfpipe

#endif  // HP_STAGE_KERNELS_KERNEL_PROFILE_H_
