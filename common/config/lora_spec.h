// What a LoRA run trains: the rank, the scale and the layers it is put on.
#ifndef HP_COMMON_CONFIG_LORA_SPEC_H_
#define HP_COMMON_CONFIG_LORA_SPEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace halfpipe {

struct LoraSpec {
  int64_t rank = 32;
  double alpha = 32.0;
  // Suffixes of native module names: "q" is every module named "q" or ending
  // in ".q" (so it does not hit "k_img" for "img"); "ffn.0" is
  // "blocks.3.ffn.0".
  std::vector<std::string> targets = {"q", "k", "v", "o", "ffn.0", "ffn.2"};

  // What the adapter's output is multiplied by.
  [[nodiscard]] double scale() const {
    return alpha / static_cast<double>(rank);
  }

  // True if `module` ("blocks.0.self_attn.q") is a target.
  [[nodiscard]] bool Matches(absl::string_view module) const;

  // InvalidArgument: rank below 1, alpha not finite or not positive, no target.
  [[nodiscard]] absl::Status Validate() const;
};

}  // namespace halfpipe

#endif  // HP_COMMON_CONFIG_LORA_SPEC_H_
