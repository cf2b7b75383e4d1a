// Where a job's DiT comes from: a checkpoint or random numbers.
#ifndef HP_STAGE_JOB_MODEL_SOURCE_H_
#define HP_STAGE_JOB_MODEL_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/config/job_config.h"
#include "common/model/checkpoint.h"
#include "stage/wan/weight_source.h"

namespace halfpipe {

// An opened model; nothing but headers is in memory.
class ModelSource {
 public:
  // Codes of OpenWanCheckpoint and KnownModel; InvalidArgument when
  // model.variant names another variant than the weights have.
  [[nodiscard]] static absl::StatusOr<ModelSource> Open(
      const ModelConfig& config);

  [[nodiscard]] const WeightSource& weights() const { return *weights_; }

  [[nodiscard]] const ModelSpec& spec() const { return weights_->spec(); }

  // CheckHasNoHoles: of a model that is the right one otherwise, before its
  // weights are loaded.
  [[nodiscard]] absl::Status CheckIsWhole() const;

  // SHA-256 over the tensors' names, types and shapes and a sample of the
  // bytes of each: cheap, and enough to notice other weights.
  [[nodiscard]] absl::StatusOr<std::string> Fingerprint() const;

  // Equal for two sources only if Load gives the same tensors: the files as
  // they were when they were opened, and the sizes. Empty: not known.
  [[nodiscard]] std::string Identity() const;

 private:
  std::unique_ptr<WanCheckpoint> checkpoint_;  // null: random
  std::unique_ptr<WeightSource> weights_;
  std::string random_label_;
};

}  // namespace halfpipe

#endif  // HP_STAGE_JOB_MODEL_SOURCE_H_
