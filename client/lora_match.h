// Whether every module of a LoRA file belongs to a model.
#ifndef HP_CLIENT_LORA_MATCH_H_
#define HP_CLIENT_LORA_MATCH_H_

#include "absl/status/status.h"
#include "common/store/lora_file.h"

namespace halfpipe {

// OK when every module of `lora` is a linear layer of `base` with its sizes.
// InvalidArgument: each one that is not, a line, with the nearest name.
[[nodiscard]] absl::Status CheckEveryModule(const LoraFile& lora,
                                            const LinearShapes& base);

// The same where no base model is at hand: the names alone, against every
// linear layer that a model of the Wan family can have, whatever its depth.
[[nodiscard]] absl::Status CheckModuleNames(const LoraFile& lora);

}  // namespace halfpipe

#endif  // HP_CLIENT_LORA_MATCH_H_
