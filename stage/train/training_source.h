// Micro-batches of a training job: a cached (or made-up) sample, a timestep of
// the flow-matching schedule and noise.
#ifndef HP_STAGE_TRAIN_TRAINING_SOURCE_H_
#define HP_STAGE_TRAIN_TRAINING_SOURCE_H_

#include <cstdint>
#include <map>
#include <string>

#include "common/base/dtype.h"
#include "common/plan/flow_match.h"
#include "stage/train/microbatch_source.h"
#include "stage/train/sample_store.h"

namespace halfpipe {

struct TrainingSourceOptions {
  uint64_t seed = 0;
  uint64_t evaluation_seed = 0;  // of the noise of evaluations
  double caption_dropout = 0.0;
  // Cache file of the empty prompt; needed when caption_dropout > 0.
  std::string empty_context_path;
  // Shapes of made-up samples, batch of one; y_shape may be empty.
  Shape random_latents_shape;
  Shape random_y_shape;
  int64_t random_text_dim = 0;
  std::map<std::string, Shape> random_extra = {};  // a variant's own inputs
  // The first latent frame is given, not noised (TI2V-5B).
  bool first_frame_given = false;
};

// Reads the two cache files a plan names. x_t = (1 - sigma) x_0 + sigma noise
// in fp32; timesteps stay fp32 (rounding them to bf16, as DiffSynth does,
// leaves 26 distinct values in the high-noise range). What a plan fixes is not
// drawn, and its caption is never dropped.
class TrainingSource : public MicrobatchSource {
 public:
  TrainingSource(TrainingSourceOptions options, FlowMatchSchedule schedule);

  [[nodiscard]] absl::StatusOr<MicrobatchData> Load(
      const StepPlan& plan, Microbatch microbatch) override;

 private:
  [[nodiscard]] absl::StatusOr<LatentSample> LoadLatents(
      const std::string& path) const;
  [[nodiscard]] absl::StatusOr<at::Tensor> LoadContext(const std::string& path,
                                                       bool dropped) const;

  TrainingSourceOptions options_;
  FlowMatchSchedule schedule_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_TRAIN_TRAINING_SOURCE_H_
