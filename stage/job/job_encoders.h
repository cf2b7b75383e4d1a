// The encoders of a job, opened from the files that its keys name. The scan
// opens them on the device kMeta, which reads no weights: what it finds wrong
// is what encoding would. Only there CheckPartIsWhole is left to the caller.
#ifndef HP_STAGE_JOB_JOB_ENCODERS_H_
#define HP_STAGE_JOB_JOB_ENCODERS_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/jobs/stage_protocol.h"
#include "common/model/model_spec.h"
#include "stage/encoders/tokenizer.h"
#include "stage/encoders/umt5_encoder.h"
#include "stage/encoders/wan_vae.h"

namespace halfpipe {

// Every message begins with the key and the file, and says what the file is
// instead and what to do. Codes: those of the encoders' Load and of
// OpenTensorArchive; InvalidArgument for a file of another part, and for one
// that does not fit the model.

[[nodiscard]] absl::StatusOr<Tokenizer> OpenTokenizer(const ModelConfig& model);

// In bf16 on a GPU, as the reference does; on the CPU in fp32, where bf16 saves
// nothing. What was read is added to `loads` (may be null).
[[nodiscard]] absl::StatusOr<Umt5Encoder> OpenTextEncoder(
    const ModelConfig& model, at::Device device, std::vector<ModelLoad>* loads);
[[nodiscard]] absl::StatusOr<WanVae> OpenVae(const ModelConfig& model,
                                             at::Device device,
                                             std::vector<ModelLoad>* loads);

// Whether they fit the DiT, and one another.
[[nodiscard]] absl::Status CheckTextEncoderFits(const ModelConfig& model,
                                                const Umt5Encoder& encoder,
                                                const ModelSpec& model_spec);
[[nodiscard]] absl::Status CheckVaeFits(const ModelConfig& model,
                                        const WanVae& vae,
                                        const ModelSpec& model_spec);
[[nodiscard]] absl::Status CheckTokenizerFits(const ModelConfig& model,
                                              const Tokenizer& tokenizer,
                                              const Umt5Encoder& encoder);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_JOB_ENCODERS_H_
