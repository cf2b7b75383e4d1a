#include "common/memory/activation_policy.h"

namespace halfpipe {

absl::string_view ActivationPolicyName(ActivationPolicy policy) {
  switch (policy) {
    case ActivationPolicy::kKeep:
      return "keep";
    case ActivationPolicy::kOffload:
      return "offload";
    case ActivationPolicy::kRecompute:
      return "recompute";
  }
  return "unknown";
}

std::optional<ActivationPolicy> ParseActivationPolicy(absl::string_view name) {
  for (ActivationPolicy policy :
       {ActivationPolicy::kKeep, ActivationPolicy::kOffload,
        ActivationPolicy::kRecompute}) {
    if (name == ActivationPolicyName(policy)) return policy;
  }
  return std::nullopt;
}

}  // namespace halfpipe
