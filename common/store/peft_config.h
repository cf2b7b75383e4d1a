// adapter_config.json, the file that peft keeps beside an adapter's tensors.
#ifndef HP_COMMON_STORE_PEFT_CONFIG_H_
#define HP_COMMON_STORE_PEFT_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace halfpipe {

inline constexpr char kPeftConfigName[] = "adapter_config.json";
// What its tensors' keys begin with.
inline constexpr char kPeftPrefix[] = "base_model.model.";

// The factor that peft applies to B A: lora_alpha / r, or lora_alpha / sqrt(r)
// with use_rslora.
struct PeftScale {
  int64_t rank = 0;
  double scale = 1;
};

// nullopt when there is no such file (then alpha / rank is taken as part of
// B, as LoraFormat::kPeft writes it). InvalidArgument names the field: not a
// LoRA, an alpha that is not positive, ranks or alphas that differ by module, a
// start that changed the base.
[[nodiscard]] absl::StatusOr<std::optional<PeftScale>> ReadPeftScale(
    const std::string& path);

// Where diffusers keeps the same in a safetensors file's metadata, each field
// behind what its tensors' keys begin with: "transformer.", "transformer_2." or
// nothing.
inline constexpr char kDiffusersConfigKey[] = "lora_adapter_metadata";

// The scale out of that text, of the fields behind `prefix`; nullopt when it
// has no such fields. InvalidArgument as ReadPeftScale.
[[nodiscard]] absl::StatusOr<std::optional<PeftScale>> ReadDiffusersScale(
    const std::string& text, const std::string& prefix);

// The content to put beside a file of LoraFormat::kPeft so that peft loads it:
// lora_alpha = r, since B has the scale in it.
[[nodiscard]] std::string PeftConfig(int64_t rank,
                                     const std::vector<std::string>& modules);

}  // namespace halfpipe

#endif  // HP_COMMON_STORE_PEFT_CONFIG_H_
