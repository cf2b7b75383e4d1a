// Decodes a job's clips and keeps nothing: what `check` does where a run would
// encode.
#ifndef HP_STAGE_JOB_SAMPLE_INSPECTOR_H_
#define HP_STAGE_JOB_SAMPLE_INSPECTOR_H_

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/jobs/stage_progress.h"
#include "common/jobs/stage_protocol.h"
#include "common/model/model_spec.h"

namespace halfpipe {

struct SampleInspectorOptions {
  std::string decoder_program;   // the path of halfpipe-decode
  ProgressCallback on_progress;  // one call at a time, from any thread
};

// Each clip is decoded as EncodeSamples decodes it, several at a time (the
// stages of a job share the cores), and judged by the same functions:
// `rejected` and `short_clips` are what encoding would give. A clip whose
// latents are there already is passed over, as there. `model_spec` may be
// null: which media the model can learn from is not judged then. Codes:
// Cancelled on `stop`, FailedPrecondition when the decoder cannot run.
[[nodiscard]] absl::StatusOr<EncodeResult> InspectSamples(
    const JobConfig& config, const ModelSpec* model_spec,
    const std::vector<SampleRef>& samples,
    const SampleInspectorOptions& options, std::stop_token stop);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_SAMPLE_INSPECTOR_H_
