// A LoRA file as the start of a training (`lora.init_from`).
#ifndef HP_STAGE_JOB_LORA_START_H_
#define HP_STAGE_JOB_LORA_START_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/model/model_spec.h"
#include "stage/lora/lora_adapter.h"

namespace halfpipe {

// What people should know about a start that can be made.
struct LoraStartReport {
  // Whole sentences: an alpha that is not lora.alpha or that nothing says of a
  // file of peft's, and with lora.partial which modules start fresh and which
  // of the file's keys are left out.
  std::vector<std::string> warnings = {};
};

// Judges lora.init_from (empty: nothing to say) against the layers that
// lora.targets takes in the whole model, before anything is loaded. Reads the
// file once, a module at a time, for numbers that are not finite; else the
// header and the alphas are enough. Any format that ImportLora reads.
//
// InvalidArgument names the file, a few keys and how many there are, and what
// to write: a layer without its matrices or keys that no layer takes (both are
// warnings with lora.partial), another rank, matrices of another shape, what
// ImportLora refuses. Else the codes of OpenTensorArchive.
[[nodiscard]] absl::StatusOr<LoraStartReport> CheckLoraStart(
    const LoraConfig& lora, const ModelSpec& model_spec);

// Copies the file's matrices into `adapters`, a part of the model's. What
// CheckLoraStart refuses is refused; with lora.partial an adapter that the
// file does not hold stays as it is. B, which has the file's alpha in it, is
// divided by the scale of `lora`, so that the product is the file's.
[[nodiscard]] absl::Status StartFromLora(
    const LoraConfig& lora, const ModelSpec& model_spec,
    const std::vector<LoraAdapter*>& adapters);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_LORA_START_H_
