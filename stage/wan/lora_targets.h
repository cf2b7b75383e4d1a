// Which layers of a Wan DiT a LoRA may sit on. Free of libtorch.
#ifndef HP_STAGE_WAN_LORA_TARGETS_H_
#define HP_STAGE_WAN_LORA_TARGETS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/lora_spec.h"
#include "common/model/model_spec.h"

namespace halfpipe {

// The native names of the layers that `spec` adapts, in block order and within
// a block in the order of BlockLinears. InvalidArgument: an invalid spec, a
// target that matches nothing (the message lists what there is), or one that
// matches a layer outside the blocks, which cannot be trained.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> LoraModules(
    const ModelSpec& model_spec, const LoraSpec& spec);

}  // namespace halfpipe

#endif  // HP_STAGE_WAN_LORA_TARGETS_H_
