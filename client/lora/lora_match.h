// Whether every part of a LoRA file belongs to a model.
#ifndef HP_CLIENT_LORA_LORA_MATCH_H_
#define HP_CLIENT_LORA_LORA_MATCH_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "common/base/dtype.h"
#include "common/store/lora_file.h"

namespace halfpipe {

// OK when every module of `lora` is a linear layer of `base` with its sizes.
// InvalidArgument: each one that is not, a line, with the nearest name.
[[nodiscard]] absl::Status CheckEveryModule(const LoraFile& lora,
                                            const LinearShapes& base);

// OK when every difference of `lora` is of a tensor of `tensors`
// (WanTensors) with its shape. InvalidArgument likewise, with their keys.
[[nodiscard]] absl::Status CheckEveryDifference(
    const LoraFile& lora, const std::map<std::string, Shape>& tensors);

// Both where no base model is at hand: the names alone, against every tensor
// that a model of the Wan family can have, whatever its depth.
[[nodiscard]] absl::Status CheckModuleNames(const LoraFile& lora);

}  // namespace halfpipe

#endif  // HP_CLIENT_LORA_LORA_MATCH_H_
