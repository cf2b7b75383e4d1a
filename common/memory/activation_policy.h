// What happens to a block's saved tensors between its forward and backward.
#ifndef HP_COMMON_MEMORY_ACTIVATION_POLICY_H_
#define HP_COMMON_MEMORY_ACTIVATION_POLICY_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace halfpipe {

enum class ActivationPolicy : uint8_t {
  kKeep,       // stay on the device
  kOffload,    // go to host memory, pinned for a CUDA device, and come back
  kRecompute,  // only the block's input is kept; the forward runs twice
};

// "keep", "offload", "recompute": the words of the command line.
[[nodiscard]] absl::string_view ActivationPolicyName(ActivationPolicy policy);
[[nodiscard]] std::optional<ActivationPolicy> ParseActivationPolicy(
    absl::string_view name);

}  // namespace halfpipe

#endif  // HP_COMMON_MEMORY_ACTIVATION_POLICY_H_
