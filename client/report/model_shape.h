// The sizes of a job's model, from what is on this machine.
#ifndef HP_CLIENT_REPORT_MODEL_SHAPE_H_
#define HP_CLIENT_REPORT_MODEL_SHAPE_H_

#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/plan/planner.h"

namespace halfpipe {

// Reads the headers of model.dit, and no weights; a random model's sizes are
// those of the variant that it names. Where the weights are not on this
// machine, model.variant names them. Codes: OpenWanCheckpoint's;
// InvalidArgument for a variant that is not known; NotFound when there is
// neither a checkpoint nor a variant.
[[nodiscard]] absl::StatusOr<ModelShape> ReadModelShape(
    const ModelConfig& config);

}  // namespace halfpipe

#endif  // HP_CLIENT_REPORT_MODEL_SHAPE_H_
