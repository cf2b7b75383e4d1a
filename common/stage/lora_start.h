// A LoRA file as the start of a training (`lora.init_from`).
#ifndef HP_COMMON_STAGE_LORA_START_H_
#define HP_COMMON_STAGE_LORA_START_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/lora/lora_adapter.h"
#include "common/lora/lora_spec.h"
#include "common/wan/architecture.h"

namespace halfpipe {

// What people should know about a start that can be made.
struct LoraStartReport {
  std::vector<std::string> warnings = {};
};

// Judges lora.init_from (empty: nothing to say) against the layers that
// lora.targets takes in the whole model, before anything is loaded. Codes of
// StartFromLora.
[[nodiscard]] absl::StatusOr<LoraStartReport> CheckLoraStart(
    const LoraConfig& lora, const WanArchitecture& architecture);

// Copies the file's matrices into `adapters`, each of which it must hold with
// the rank of `spec`; what else it holds is not used. Any format that
// ImportLora reads. B, which has the file's alpha in it, is divided by the
// scale of `spec`, so that the product is the file's. InvalidArgument names
// `path` and the module that is missing or has another shape; else ImportLora's
// codes.
[[nodiscard]] absl::Status StartFromLora(
    const std::string& path, const LoraSpec& spec,
    const std::vector<LoraAdapter*>& adapters);

}  // namespace halfpipe

#endif  // HP_COMMON_STAGE_LORA_START_H_
