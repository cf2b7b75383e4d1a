// What a job's model is, from what is on this machine.
#ifndef HP_CLIENT_REPORT_JOB_MODEL_H_
#define HP_CLIENT_REPORT_JOB_MODEL_H_

#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/model/model_spec.h"

namespace halfpipe {

// Reads the headers of model.dit, and no weights; a random model's sizes are
// those of the variant that it names. Where the weights are not on this
// machine, model.variant names them. Codes: OpenWanCheckpoint's;
// InvalidArgument for a variant that is not known; NotFound when there is
// neither a checkpoint nor a variant.
[[nodiscard]] absl::StatusOr<ModelSpec> ReadJobModel(const ModelConfig& config);

}  // namespace halfpipe

#endif  // HP_CLIENT_REPORT_JOB_MODEL_H_
