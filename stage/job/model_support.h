// Which models and pictures can be trained, asked before anything is encoded or
// loaded. `verify` computes more than that.
#ifndef HP_STAGE_JOB_MODEL_SUPPORT_H_
#define HP_STAGE_JOB_MODEL_SUPPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/config/job_config.h"
#include "common/model/model_spec.h"

namespace halfpipe {

// OK for a model whose every input can be made from clips and captions (or, for
// made-up samples, made up). Else InvalidArgument names the variant, what it
// takes, and what to train instead.
[[nodiscard]] absl::Status CheckCanTrain(const JobConfig& config,
                                         const ModelSpec& model_spec);

// OK where data.height and data.width divide into the model's tokens.
// InvalidArgument names the key, the value and its neighbours.
[[nodiscard]] absl::Status CheckPictureSize(const DataConfig& data,
                                            const ModelSpec& model_spec);

// What a person should know of a job that can be trained: an input that is
// given and not used, a use of the model that is not trained, an expert (by the
// name of its file) that is trained on the other's timesteps.
[[nodiscard]] std::vector<std::string> ModelWarnings(
    const JobConfig& config, const ModelSpec& model_spec);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_MODEL_SUPPORT_H_
