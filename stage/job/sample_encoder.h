// Fills the cache: captions through the text encoder, clips through the VAE.
#ifndef HP_STAGE_JOB_SAMPLE_ENCODER_H_
#define HP_STAGE_JOB_SAMPLE_ENCODER_H_

#include <ATen/core/Tensor.h>

#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/jobs/stage_progress.h"
#include "common/jobs/stage_protocol.h"
#include "common/model/model_spec.h"

namespace halfpipe {

struct SampleEncoderOptions {
  at::Device device = at::kCPU;
  std::string decoder_program;   // the path of halfpipe-decode
  ProgressCallback on_progress;  // called from the calling thread
};

// One encoder is in memory at a time: first all captions, then all clips.
// Files that are there already are left alone, so a repeated call goes on
// where the last one ended. Codes: Cancelled on `stop`; those of the encoders
// and of WriteSafetensors; InvalidArgument names the model's file and the
// sample when an embedding or a latent is not finite. A clip that cannot be
// used is listed as rejected.
[[nodiscard]] absl::StatusOr<EncodeResult> EncodeSamples(
    const JobConfig& config, const ModelSpec& model_spec,
    const std::vector<SampleRef>& samples, const SampleEncoderOptions& options,
    std::stop_token stop);

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_SAMPLE_ENCODER_H_
